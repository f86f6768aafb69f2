/** A collector of OpenTelemetry spans (OTLP over HTTP, as JSON) that keeps what it gets, or never answers. */
import { once } from "node:events"
import { createServer, type IncomingHttpHeaders } from "node:http"
import type { AddressInfo } from "node:net"
import { Schema } from "effect"

const AnyValue = Schema.Struct({
  stringValue: Schema.optionalKey(Schema.String),
  intValue: Schema.optionalKey(Schema.Union([Schema.Int, Schema.String])),
  boolValue: Schema.optionalKey(Schema.Boolean)
})
const Attributes = Schema.Array(Schema.Struct({ key: Schema.String, value: AnyValue }))
const OtlpSpan = Schema.Struct({
  traceId: Schema.String,
  spanId: Schema.String,
  parentSpanId: Schema.optionalKey(Schema.String),
  name: Schema.String,
  kind: Schema.Int,
  startTimeUnixNano: Schema.String,
  endTimeUnixNano: Schema.String,
  attributes: Attributes,
  status: Schema.Struct({ code: Schema.Int, message: Schema.optionalKey(Schema.String) })
})
const Traces = Schema.Struct({
  resourceSpans: Schema.Array(
    Schema.Struct({
      resource: Schema.Struct({ attributes: Attributes }),
      scopeSpans: Schema.Array(Schema.Struct({ spans: Schema.Array(OtlpSpan) }))
    })
  )
})
const decode = Schema.decodeUnknownSync(Traces)

/** One span; its attributes as plain values. */
export interface ReceivedSpan extends Omit<typeof OtlpSpan.Type, "attributes"> {
  readonly attributes: Readonly<Record<string, unknown>>
}

/** A running collector. */
export interface SpanReceiver extends AsyncDisposable {
  readonly url: string
  readonly spans: ReadonlyArray<ReceivedSpan>
  /** Of the last request. */
  readonly headers: () => IncomingHttpHeaders
  /** Of the process that sends them. */
  readonly resource: () => Readonly<Record<string, unknown>>
  /** All that came, as it came. */
  readonly text: () => string
  /** Requests that were open at the same time, at most. */
  readonly openMax: () => number
  /** Of all spans of this name, the last that has come. */
  readonly last: (name: string) => ReceivedSpan | undefined
  /** Names of a span and of what it is in, from the inside out; `?` for one that has not come. */
  readonly path: (span: ReceivedSpan) => ReadonlyArray<string>
}

const plain = (attributes: typeof Attributes.Type): Readonly<Record<string, unknown>> =>
  Object.fromEntries(attributes.map(({ key, value }) => [key, value.stringValue ?? value.intValue ?? value.boolValue]))

/** Keeps spans, until it is disposed of; with `hangs` it reads requests and answers none. */
export const receiveSpans = async ({ hangs = false } = {}): Promise<SpanReceiver> => {
  const spans: Array<ReceivedSpan> = []
  let [headers, resource]: [IncomingHttpHeaders, Readonly<Record<string, unknown>>] = [{}, {}]
  let text = ""
  let [open, openMax] = [0, 0]
  const keep = (body: string) => {
    text += body
    for (const { resource: sender, scopeSpans } of decode(JSON.parse(body)).resourceSpans) {
      resource = plain(sender.attributes)
      for (const span of scopeSpans.flatMap((scope) => scope.spans)) {
        spans.push({ ...span, attributes: plain(span.attributes) })
      }
    }
  }
  const server = createServer((request, response) => {
    openMax = Math.max(openMax, ++open)
    response.once("close", () => open--)
    const chunks: Array<Buffer> = []
    request.on("data", (chunk: Buffer) => chunks.push(chunk))
    request.on("end", () => {
      headers = request.headers
      if (hangs) return
      keep(Buffer.concat(chunks).toString())
      response.end("{}")
    })
  })
  server.listen(0, "127.0.0.1")
  await once(server, "listening")
  const last = (name: string) => spans.findLast((span) => span.name === name)
  const path = ({ name, parentSpanId }: ReceivedSpan): ReadonlyArray<string> => {
    if (parentSpanId === undefined) return [name]
    const parent = spans.find(({ spanId }) => spanId === parentSpanId)
    return [name, ...(parent === undefined ? ["?"] : path(parent))]
  }
  return {
    url: `http://127.0.0.1:${addressOf(server.address()).port}`,
    spans,
    headers: () => headers,
    resource: () => resource,
    text: () => text,
    openMax: () => openMax,
    last,
    path,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections()
      server.close()
      await once(server, "close")
    }
  }
}

const addressOf = (address: AddressInfo | string | null): AddressInfo => {
  if (address === null || typeof address === "string") throw new Error("the receiver has no TCP address")
  return address
}
