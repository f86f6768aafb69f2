/** What the events of bdevs say, in words. */
import type { BdevErrorInjection, BdevQos, BdevRemovalCause } from "../../domain/bdev/Bdev.ts"
import type { BdevSpec } from "../../domain/bdev/BdevSpec.ts"
import { nbdServerText } from "../../domain/bdev/bdev-nbd-decide.ts"
import type { Event, EventOf, EventType } from "../../domain/Event.ts"
import { bytesText, listed } from "./words.ts"

/** The events of this file. */
export type BdevEventType = Extract<EventType, `Bdev${string}`>

const millisText = (micros: number): string => `${micros / 1000} ms`

/** What a bdev is, as in `bdev b: 64MiB of memory, removable`. */
const specText = (spec: BdevSpec): string => ("removable" in spec ? `${deviceText(spec)}, removable` : deviceText(spec))

const deviceText = (spec: BdevSpec): string => {
  switch (spec._tag) {
    case "Malloc":
      return [
        `${bytesText(spec.blockCount * spec.blockSize)} of memory`,
        ...(spec.filename === undefined ? [] : [`kept in file ${spec.filename}`])
      ].join(", ")
    case "Null":
      return `${bytesText(spec.blockCount * spec.blockSize)} of nothing`
    case "Aio":
      return [
        `file ${spec.filename}`,
        bytesText(spec.blockCount * spec.blockSize),
        ...(spec.readOnly ? ["read-only"] : []),
        ...(spec.fallocate === true ? ["thin"] : []),
        ...(spec.direct === true ? ["past the page cache"] : []),
        ...(spec.dsync === true ? ["without a write cache"] : [])
      ].join(", ")
    case "Nbd":
      return [
        `export "${spec.exportName}" of the NBD server ${nbdServerText(spec.server)}`,
        ...(spec.tls === undefined ? [] : ["over TLS"]),
        bytesText(spec.blockCount * spec.blockSize),
        ...(spec.readOnly ? ["read-only"] : [])
      ].join(", ")
    case "Nvme":
      return [
        `namespace ${spec.namespaceId} of NVMe controller ${spec.controller} at ${spec.address}`,
        ...(spec.device === "" ? [] : [spec.device]),
        bytesText(spec.blockCount * spec.blockSize),
        ...(spec.readOnly ? ["read-only"] : [])
      ].join(", ")
    case "Delay":
      return (
        `delays bdev ${spec.base.name}, reads by ${millisText(spec.averageReadMicros)}, ` +
        `writes by ${millisText(spec.averageWriteMicros)}`
      )
    case "Error":
      return `errors can be injected into bdev ${spec.base.name}`
    case "Passthru":
      return `is as bdev ${spec.base.name}`
    case "Split":
      return `part ${spec.part + 1} of ${spec.parts} of bdev ${spec.base.name}`
    case "Overlay":
      return `changes to bdev ${spec.base.name}, kept in ${
        spec.filename === undefined ? `${bytesText(spec.maxBytes ?? 0)} of memory` : `file ${spec.filename}`
      }`
  }
}

const limitsText = (qos: BdevQos): string => {
  const limits = [
    ...(qos.readWriteIops === 0 ? [] : [`${qos.readWriteIops} IO/s`]),
    ...(qos.readWriteMiBPerSecond === 0 ? [] : [`${qos.readWriteMiBPerSecond} MiB/s`]),
    ...(qos.readMiBPerSecond === 0 ? [] : [`reads ${qos.readMiBPerSecond} MiB/s`]),
    ...(qos.writeMiBPerSecond === 0 ? [] : [`writes ${qos.writeMiBPerSecond} MiB/s`])
  ]
  return limits.length === 0 ? "has no rate limits any more" : `is limited to ${listed(limits)}`
}

const removalWords: Readonly<Record<BdevRemovalCause, string>> = {
  requested: "its LUNs drain first",
  "base-removed": "the bdev below it goes",
  vanished: "its device is gone"
}

const injectionText = ({ blocks, count, errorType, ioType }: BdevErrorInjection): string => {
  if (ioType === "clear") return "fails no IO any more: injected errors were cleared"
  const io = ioType === "all" ? "IO" : `${ioType} IO`
  const where = blocks === undefined ? "" : ` on blocks ${blocks.first} to ${blocks.first + blocks.count - 1}`
  const next = `the next ${count === 1 ? "" : `${count} `}${io}${where}`
  switch (errorType) {
    case "failure":
      return `fails ${next} on purpose`
    case "pending":
      return `holds back ${next} on purpose`
    case "corrupt_data":
      return `corrupts ${next} on purpose`
    case "nomem":
      return `answers ${next} as out of memory on purpose`
  }
}

const latenciesText = ({ latencies }: EventOf<"BdevLatenciesSet">): string =>
  `delays reads by ${millisText(latencies.averageReadMicros)} (99 %: ${millisText(latencies.p99ReadMicros)}), ` +
  `writes by ${millisText(latencies.averageWriteMicros)} (99 %: ${millisText(latencies.p99WriteMicros)})`

const unmappedText = ({ unmapped = [] }: EventOf<"BdevReattached">): string =>
  unmapped.length === 0 ? "" : `, but for ${listed(unmapped.map(({ lun, target }) => `LUN ${lun} of ${target}`))}`

/** Without who asked for it. */
export const bdevSentence = (event: Extract<Event, { readonly _tag: BdevEventType }>): string => {
  const bdev = `bdev ${event.name}`
  switch (event._tag) {
    case "BdevCreated":
      return event.attached === true
        ? `${bdev} is back: ${specText(event.spec)}`
        : `${bdev} was created: ${specText(event.spec)}`
    case "BdevRemovalStarted":
      return `${bdev} began to go: ${event.detail ?? removalWords[event.cause]}`
    case "BdevRemoved":
      return `${bdev} is gone`
    case "BdevResized":
      return `${bdev} has ${event.blockCount} blocks now`
    case "BdevLatenciesSet":
      return `${bdev} ${latenciesText(event)}`
    case "BdevQosSet":
      return `${bdev} ${limitsText(event.qos)}`
    case "BdevHistogramSet":
      return event.histogram === undefined
        ? `latencies of ${bdev} are counted no more`
        : `latencies of ${bdev} are counted from now on (${event.histogram.ioType ?? "all IO"})`
    case "BdevReattached":
      return `${bdev} has its LUNs and limits again${unmappedText(event)}`
    case "BdevForgotten":
      return `${bdev}, whose device is gone, was forgotten`
    case "BdevContentLoaded":
      return `${bdev} was filled with a copy`
    case "BdevErrorInjected":
      return `${bdev} ${injectionText(event.injection)}`
    case "BdevOverlayReset":
      return `${bdev} was reset: it holds what its base does`
  }
}
