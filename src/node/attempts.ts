import { hasCode } from '../netlink/nftables.ts'
import type { StateLog } from './state-log.ts'

/** The kinds of errors that node-cache counts. */
export type SetupError = 'iptables' | 'iptables_lock' | 'interface_add' | 'interface_check' | 'configmap'

/** Work on the kernel's state, one piece after another. What fails is counted each time, said once, and tried again by who asked. */
export class Attempts {
  readonly #log: StateLog
  readonly #failed: (kind: SetupError) => void
  readonly #complaints = new Map<string, string>()
  #turn: Promise<void> = Promise.resolve()
  #saidWhatIsLeft = false
  #closed = false

  constructor(log: StateLog, failed: (kind: SetupError) => void) {
    this.#log = log
    this.#failed = failed
  }

  /** After all that was asked before. Never rejects. */
  inTurn(kind: SetupError, what: string, work: () => Promise<void>): Promise<void> {
    this.#turn = this.#turn.then(() => this.now(kind, what, work))
    return this.#turn
  }

  /** At once. Never rejects. */
  async now(kind: SetupError, what: string, work: () => Promise<void>): Promise<void> {
    if (this.#closed) return
    try {
      await work()
      this.#complaints.delete(what)
    } catch (error) {
      this.#failed(kind)
      this.complain(what, error instanceof Error ? error.message : String(error))
      if (hasCode(error, 'EPERM')) this.#sayWhatIsLeft()
    }
  }

  #sayWhatIsLeft(): void {
    if (this.#saidWhatIsLeft) return
    this.#saidWhatIsLeft = true
    this.#log.degraded('no right to change the network of the node', {
      effect: 'queries to addresses that the node has are answered, and no rules are made: where kube-proxy translates the address of the cluster\'s DNS, it goes on doing so',
      remedy: 'grant the capability NET_ADMIN to user 0 (manifests/node/base/daemonset.yaml), or start with -setupiptables=false',
    })
  }

  /** Said again only when it has changed. */
  complain(what: string, why: string): void {
    if (this.#complaints.get(what) === why) return
    this.#complaints.set(what, why)
    this.#log.failed(`${what} failed`, { why })
  }

  /** Whatever is asked from now on is not done. */
  close(): void {
    this.#closed = true
  }
}
