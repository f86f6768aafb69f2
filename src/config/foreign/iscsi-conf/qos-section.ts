/** `[QoS]`: limits of bdevs, a line for each. */
import type { BdevSection } from "../../native/native-schema.ts"
import type { SectionReader } from "./SectionReader.ts"

/** The native limit of each key. IOs are counted, the others are MiB per second. */
export const limitKeys = {
  Limit_IOPS: "readWriteIops",
  Limit_BPS: "readWriteMiBPerSecond",
  Limit_Read_BPS: "readMiBPerSecond",
  Limit_Write_BPS: "writeMiBPerSecond"
} as const

type Qos = NonNullable<BdevSection["qos"]>

/** Reads the section into the bdevs that were read before. */
export const readQos = (reader: SectionReader): void => {
  const limits = new Map<string, Qos>()
  const bdevs = reader.draft.bdevNames()
  for (const [name, limit] of Object.entries(limitKeys)) {
    for (const key of reader.all(name)) {
      const [bdev, value = ""] = key.values
      if (bdev === undefined || !/^\d{1,15}$/u.test(value)) reader.warn(key, `is left out; write ${name} BDEV NUMBER`)
      else if (!bdevs.has(bdev)) reader.warn(key, `bdev "${bdev}" is none that lunlog can make`)
      else limits.set(bdev, { ...limits.get(bdev), [limit]: Number(value) })
    }
  }
  reader.ignore("Comment")
  for (const [bdev, qos] of limits) reader.draft.limitBdev(bdev, qos)
}
