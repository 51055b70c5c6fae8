import { Argument, Command } from 'commander'
import { ends, EXIT } from './exit.ts'
import type { Tool } from './tool.ts'

const SHELLS = ['bash', 'zsh', 'fish'] as const
type Shell = (typeof SHELLS)[number]

/** What can follow a command, as the command line itself knows it. */
interface Choices {
  readonly name: string
  readonly description: string
  readonly flags: readonly { readonly flag: string; readonly description: string; readonly values: readonly string[] }[]
}

export function completionCommand(tool: Tool): Command {
  return new Command('completion')
    .description('print the completion script of a shell')
    .addArgument(new Argument('<shell>', 'the shell').choices(SHELLS))
    .addHelpText('after', `\nFor this session: source <(${tool.name} completion bash), or ${tool.name} completion fish | source`)
    .action((shell: Shell, _options: unknown, command: Command) => ends(() => {
      process.stdout.write(SCRIPTS[shell](tool.name, choicesOf(command.parent!)))
      return EXIT.OK
    }))
}

/** The program's own flags first, then those of each command. */
function choicesOf(root: Command): Choices[] {
  return [root, ...root.commands].map((command) => ({
    name: command === root ? '' : command.name(),
    description: command.description().split(/[:;]/)[0]!,
    flags: command.options.flatMap((option) => [option.long, option.short].filter((flag) => flag !== null && flag !== undefined)
      .map((flag) => ({ flag, description: option.description, values: option.argChoices ?? [] }))),
  }))
}

const SCRIPTS: Readonly<Record<Shell, (program: string, choices: readonly Choices[]) => string>> = { bash, zsh, fish }

function bash(program: string, choices: readonly Choices[]): string {
  const [root, ...subs] = choices
  const id = program.replaceAll('-', '_')
  const values = choices.flatMap((choice) => choice.flags).filter((flag) => flag.values.length > 0)
  return `# bash completion of ${program}
_${id}() {
  local word=\${COMP_WORDS[COMP_CWORD]} before=\${COMP_WORDS[COMP_CWORD-1]} words=
  case $before in
${values.map(({ flag, values: words }) => `    ${flag}) COMPREPLY=($(compgen -W "${words.join(' ')}" -- "$word")); return ;;\n`).join('')}    completion) COMPREPLY=($(compgen -W "${SHELLS.join(' ')}" -- "$word")); return ;;
  esac
  if [[ $COMP_CWORD = 1 ]]; then words="${[...subs.map((sub) => sub.name), ...root!.flags.map(({ flag }) => flag)].join(' ')}"
  else case \${COMP_WORDS[1]} in
${subs.map((sub) => `    ${sub.name}) words="${sub.flags.map(({ flag }) => flag).join(' ')}" ;;\n`).join('')}    *) words="${root!.flags.map(({ flag }) => flag).join(' ')}" ;;
  esac; fi
  COMPREPLY=($(compgen -W "$words" -- "$word"))
  if [[ \${#COMPREPLY[@]} = 0 ]]; then compopt -o default; fi
}
complete -F _${id} ${program}
`
}

function zsh(program: string, choices: readonly Choices[]): string {
  const [root, ...subs] = choices
  const id = program.replaceAll('-', '_')
  const quoted = (text: string) => text.replaceAll("'", "'\\''")
  const flags = (choice: Choices) => choice.flags.map(({ flag, description, values }) =>
    ` '${flag}[${quoted(description).replaceAll(/[[\]]/g, '\\$&')}]${values.length > 0 ? `:value:(${values.join(' ')})` : ''}'`).join('')
  return `#compdef ${program}
# zsh completion of ${program}
_${id}() {
  local -a commands
  commands=(${subs.map((sub) => `'${sub.name}:${quoted(sub.description)}'`).join(' ')})
  if (( CURRENT == 2 )); then
    _describe command commands
    _arguments${flags(root!)}
    return
  fi
  case $words[2] in
${subs.map((sub) => `    ${sub.name}) _arguments${flags(sub)} '*:file:${sub.name === 'completion' ? `(${SHELLS.join(' ')})` : '_files'}' ;;\n`).join('')}    *) _arguments${flags(root!)} ;;
  esac
}
if [ "$funcstack[1]" = "_${id}" ]; then _${id}; else compdef _${id} ${program}; fi
`
}

function fish(program: string, choices: readonly Choices[]): string {
  const quoted = (text: string) => `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`
  const names = choices.filter((choice) => choice.name !== '').map((choice) => choice.name).join(' ')
  const at = (choice: Choices) => (choice.name === '' ? `not __fish_seen_subcommand_from ${names}` : `__fish_seen_subcommand_from ${choice.name}`)
  return `# fish completion of ${program}
${choices.filter((choice) => choice.name !== '').map((choice) => `complete -c ${program} -n ${quoted(`not __fish_seen_subcommand_from ${names}`)} -a ${choice.name} -d ${quoted(choice.description)}\n`).join('')}complete -c ${program} -n '__fish_seen_subcommand_from completion' -f -a '${SHELLS.join(' ')}'
${choices.flatMap((choice) => choice.flags.map(({ flag, description, values }) =>
    `complete -c ${program} -n ${quoted(at(choice))} ${flag.startsWith('--') ? `-l ${flag.slice(2)}` : `-s ${flag.slice(1)}`} -d ${quoted(description)}${values.length > 0 ? ` -x -a '${values.join(' ')}'` : ''}\n`)).join('')}`
}
