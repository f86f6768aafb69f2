/** What importing a log takes: loaded only then. */

export { ImportRefused, importLog } from "../../../eventlog/import-log.ts"
export { indexLog } from "../../../eventlog/open-for-reading.ts"
export { recordTagging } from "../../history/record-tags.ts"
export { LogFileReader } from "../../history/transfer/LogFileReader.ts"
export { genesisOfFile, LINE_BYTES_MAX } from "../../history/transfer/log-file.ts"
