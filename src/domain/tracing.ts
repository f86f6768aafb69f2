/**
 * Spans of the control plane: what a change went through, and how long each part took. They are Effect's, made only
 * where a tracer was given (`src/cli/serve/otlp`); without one nothing is made, and an effect runs as it is. The data
 * path has none.
 *
 * Attributes name objects and numbers, never payloads: no secret can get into a span.
 */
import { Clock, Context, Effect, Exit, type Fiber, Option, Tracer } from "effect"

type AnyFiber = Fiber.Fiber<unknown, unknown>
type Attributes = Readonly<Record<string, unknown>>

/** Parent, kind and attributes of a span, made only if there is to be one. */
export type SpanOptions = () => Omit<Tracer.SpanOptionsNoTrace, "attributes"> & { readonly attributes?: Attributes }

const isTraced = (fiber: AnyFiber): boolean => {
  const { tracer, tracerEnabled } = fiber.cache
  return tracerEnabled && tracer !== undefined && tracer !== Tracer.nativeTracer
}

/** The span that a fiber is in; undefined where it is sent nowhere. */
export const spanOf = (fiber: AnyFiber): Tracer.AnySpan | undefined => {
  const { span } = fiber.cache
  return isTraced(fiber) && span?.sampled === true ? span : undefined
}

/** The effect in a span of its own. */
export const traced =
  (name: string, options: SpanOptions = () => ({})) =>
  <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
    Effect.withFiber((fiber) =>
      isTraced(fiber) ? Effect.withSpan(effect, name, { captureStackTrace: false, ...options() }) : effect
    )

/** The effect in a span that what it starts is no part of: what runs on after it must not look like its doing. */
export const tracedAlone =
  (name: string, options: SpanOptions = () => ({})) =>
  <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
    Effect.withFiber((fiber) => (isTraced(fiber) ? Effect.useSpan(name, options(), () => effect) : effect))

/** One effect where there are spans, and another where there are none: for what is done often. */
export const ifTraced = <A, E, R>(
  traced: () => Effect.Effect<A, E, R>,
  untraced: () => Effect.Effect<A, E, R>
): Effect.Effect<A, E, R> => Effect.withFiber((fiber) => (isTraced(fiber) ? traced() : untraced()))

/** Adds to the span that this runs in, if there is one. */
export const annotate = (attributes: () => Attributes): Effect.Effect<void> =>
  Effect.withFiber((fiber) => (isTraced(fiber) ? Effect.annotateCurrentSpan(attributes()) : Effect.void))

/** Spans for what is not an effect: what runs in one go within another span, or is known only afterwards. */
export interface SpanParts {
  /** The span that all of it is in. */
  readonly span: Tracer.AnySpan
  /** Runs `work` in a span of its own. */
  readonly step: <A>(name: string, work: () => A) => A
  /** Something that has been. */
  readonly past: (name: string, times: PastTimes, attributes: Attributes) => void
}

/** When something was; microseconds since the epoch. */
export interface PastTimes {
  readonly startedAt: number
  readonly endedAt: number
}

const nanosOf = (micros: number): bigint => BigInt(micros) * 1000n

const partsOf = (fiber: AnyFiber, span: Tracer.AnySpan, tracer: Tracer.Tracer): SpanParts => {
  const clock = fiber.getRef(Clock.Clock)
  const begin = (name: string, startTime: bigint): Tracer.Span =>
    tracer.span({
      name,
      parent: Option.some(span),
      annotations: Context.empty(),
      links: [],
      startTime,
      kind: "internal",
      root: false,
      sampled: span.sampled
    })
  return {
    span,
    step: (name, work) => {
      const step = begin(name, clock.currentTimeNanosUnsafe())
      try {
        return work()
      } finally {
        step.end(clock.currentTimeNanosUnsafe(), Exit.void)
      }
    },
    past: (name, { endedAt, startedAt }, attributes) => {
      const past = begin(name, nanosOf(startedAt))
      for (const [key, value] of Object.entries(attributes)) past.attribute(key, value)
      past.end(nanosOf(endedAt), Exit.void)
    }
  }
}

/** Gives the parts of the span that it runs in; undefined where there is none. */
export const withParts = <A, E, R>(
  use: (parts: SpanParts | undefined) => Effect.Effect<A, E, R>
): Effect.Effect<A, E, R> =>
  Effect.withFiber((fiber) => {
    const { span, tracer } = fiber.cache
    return use(isTraced(fiber) && span !== undefined && tracer !== undefined ? partsOf(fiber, span, tracer) : undefined)
  })
