import type { IncomingMessage } from 'node:http'
import type { Parser } from '../config/values.ts'
import type { Message, Outlet } from '../connection/behaviour.ts'
import type { Refusal } from '../connection/observer.ts'
import type { Faults } from './faults.ts'

/** The groups of parameters, in the order of the reference and the form, each with its title. */
export const groups = {
  replies: 'Replies',
  first: 'The server speaks first',
  end: 'End the connection (choose one)',
  close: 'When the client closes',
  up: 'Messages from the client',
  handshake: 'Handshake',
  sequence: 'Which connections',
} as const

/** A parameter of the query: how it is written, and what it does. */
export type Parameter<T = unknown, Each = T> = {
  name: string
  group: keyof typeof groups
  /** A name in a few words. */
  label: string
  /** How it is written, or what it means, in a few words beside its field. */
  hint: string
  /** What it does, in Markdown, without a full stop. */
  sentence: string
  /** A value. '' if the parameter has none. */
  example: string
  parse: Parser<Each>
  /** What each value does, if the parameter accepts only a few. */
  values?: Readonly<Record<string, string>>
  /** How often it may be given. Its values are then an array. */
  most?: number
  /** The empty value, which means something of its own: its label. */
  empty?: string
  /** The parameters without one of which this one has no meaning. */
  needs?: readonly string[]
  /** Whether it ends the connection. A connection can have only one such parameter. */
  isEnding?: true
  /** When the journal records it. By default when the connection opens. */
  recorded?: 'later' | 'never'
  /** What is different for messages from the client, if it can be requested for them: `up-` goes before its name. */
  up?: Partial<Pick<Parameter<T, Each>, 'label' | 'hint' | 'values' | 'parse'>> & { sentence: string }
  /** The parameter that this one is for messages from the client. */
  base?: Parameter<T, Each>
  /** Whether it applies to both directions. */
  isForBoth?: true
  /** @returns the problem if the value does not go together with the others or with the settings */
  check?(value: T, faults: Faults, settings: FaultSettings): string | undefined
  /** Answers the handshake in place of a 101. The first parameter that returns an answer decides. */
  answer?(value: T, request: IncomingMessage, faults: Faults): HandshakeAnswer | undefined
  /** Changes the 101. */
  amend?(value: T, response: SwitchingResponse, request: IncomingMessage): void
  /** Starts the fault on a connection. */
  start?(value: T, context: FaultContext): Effect
}

/** The settings on which parameters depend. */
export type FaultSettings = { redirectHosts: ReadonlySet<string> }

export type HandshakeAnswer = {
  reason: Refusal
  status: number
  headers?: Record<string, string | string[]>
  body: string
  /** What the log says in place of the body. */
  problem?: string
}

/** A 101. Its headers keep their order. */
export type SwitchingResponse = {
  headers: Map<string, string>
  /** Headers that follow the others. */
  added: [name: string, value: string][]
  /** Characters behind the response. */
  tail: string
}

/** What a fault can see and use of its connection. */
export type FaultContext = {
  readonly outlet: Outlet
  readonly faults: Faults
  /** The description of the handshake, if it was requested. */
  readonly hello: string | undefined
  /** Whether a message that is not a reply still waits. */
  readonly isPushing: boolean
  /** Sends a text that is not a reply. */
  pushText(text: string): void
  /** Calls back at every interval of this many milliseconds, until the fault stops. */
  every(milliseconds: number, callback: () => void): void
  /** Calls back once after this many milliseconds, unless the fault stops before. */
  later(milliseconds: number, callback: () => void): void
  /** Creates a source of random numbers from 0 to below 1. With a seed, each stream repeats its numbers. */
  createChance(stream: number): () => number
  /** Drops all waiting messages and stops all timers. */
  stop(): void
  /** Logs that the fault of this parameter happens. */
  log(parameter: Parameter): void
  /** Notes in the journal alone that it happens, because it does so for many messages. */
  record(parameter: Parameter): void
}

/** The bytes that are sent in place of a reply. If nothing may follow, the connection ends by a FIN. */
export type Replacement = { bytes: Buffer; isLast?: boolean }

/** What a fault does to its connection. */
export type Effect = {
  /** The connection has opened. */
  onOpen?(): void
  /** The moment of a one-off fault has come. */
  trigger?(): void
  /** Returns by how many milliseconds the next reply is late. May be negative. */
  wait?(): number
  /** Returns whether the next message gets no reply. */
  isLost?(): boolean
  /** How often each message is answered. */
  readonly times?: number
  /** Returns what is sent in place of the next reply, if anything is. */
  replace?(reply: Message): Replacement | undefined
  /** Splits a message into chunks of whole frames. */
  split?(message: Message): Iterator<Buffer>
  readonly ignoresPings?: true
  /** Whether the server's heartbeat skips this connection. */
  readonly isUnwatched?: true
  /** For how many milliseconds the answer to the client's close frame waits. */
  readonly closeDelay?: number
  /** The client's close frame is about to be answered. May return another close code, or `none` for no answer. */
  answerClose?(): number | 'none' | undefined
}

/** Returns a sentence in Markdown without its links, which lead to other parts of the reference. */
export const withoutLinks = (sentence: string): string => sentence.replace(/\[(.+?)\]\(.+?\)/g, '$1')

/** Checks the declaration of a parameter. */
export const defineParameter = <Each, T = Each>(parameter: Parameter<T, Each>): Parameter<T, Each> => parameter
