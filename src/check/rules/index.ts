import type { Rule } from '../configuration.ts'
import { bindDiffers } from './bind-differs.ts'
import { cacheHidesClient } from './cache-hides-client.ts'
import { denialTtl } from './denial-ttl.ts'
import { forceTcpRefused } from './force-tcp-refused.ts'
import { forwardLoop } from './forward-loop.ts'
import { interfaceUnknown } from './interface-unknown.ts'
import { logWords } from './log-words.ts'
import { missingHealth } from './missing-health.ts'
import { missingLoop } from './missing-loop.ts'
import { missingReady } from './missing-ready.ts'
import { missingReload } from './missing-reload.ts'
import { podsVerified } from './pods-verified.ts'
import { zoneShadowed } from './zone-shadowed.ts'
import { zoneUnanswered } from './zone-unanswered.ts'

/** What `check` warns of. A new rule: a file beside these with its test, a row here, a row in docs/commands.md. */
export const RULES: readonly Rule[] = [
  bindDiffers,
  cacheHidesClient,
  denialTtl,
  forceTcpRefused,
  forwardLoop,
  interfaceUnknown,
  logWords,
  missingHealth,
  missingLoop,
  missingReady,
  missingReload,
  podsVerified,
  zoneShadowed,
  zoneUnanswered,
]
