/** @file A flag of `wgsam train` that sets a key of the training configuration. */

export interface Flag {
  /** Dotted path of the key it sets. */
  path: string
  /** on, off and zero are switches, which set true, false and 0. */
  kind: 'text' | 'texts' | 'number' | 'list' | 'numbers' | 'on' | 'off' | 'zero' | 'mix'
  /** How many numbers there are of kind `numbers`; three by default. */
  length?: 2 | 3
  value?: string
  about: string
}

export type Flags = Record<string, Flag>
