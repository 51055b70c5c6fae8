import { onlyLine, placeOf, readZones, refuseBlock } from '../../corefile/options.ts'
import { NEXT, type Plugin, type Stage } from '../../core/plugin.ts'

export const metadataPlugin: Plugin = {
  name: 'metadata',
  parse(directive, context) {
    const line = onlyLine(directive.lines, 'metadata')
    const place = placeOf('metadata', line.token)
    refuseBlock(line, place)
    const zones = line.args.length === 0 ? context.zones : readZones(line.args, place)
    return { settings: { metadata: zones }, build: () => metadata }
  },
}

/** The block collects before its chain runs, since `view` may ask (specification 2.3); this stage only shows that it does. */
const metadata: Stage = { name: 'metadata', query: () => NEXT, quick: { byWorkers: {} } }
