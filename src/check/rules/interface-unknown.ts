import { isInterfaceName, type Rule } from '../configuration.ts'

/** `bind` takes any word for an interface's name, so a mistyped address looks like one. */
export const interfaceUnknown: Rule = {
  code: 'interface-unknown',
  look: ({ blocks, interfaces }) => blocks.flatMap((block) => (block.sound('bind')?.lines ?? []).flatMap((line) => line.args).flatMap((token) => {
    if (!isInterfaceName(token.text) || interfaces.some((entry) => entry.link === token.text)) return []
    return [{ token, message: `no interface of this machine has the name ${token.text}; where the program runs it must exist`, remedy: 'write an address, or the name of an interface of the node' }]
  })),
}
