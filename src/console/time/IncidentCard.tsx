/** What the target has kept of an incident: its files, to be taken away, and what to do with them. */
import { useEffect, useState } from "preact/hooks"
import { counted, sizeText } from "../format.ts"
import { Card } from "../parts/Page.tsx"
import { Problem } from "../parts/Problem.tsx"
import { linkTo } from "../router.ts"
import { getIncidentFile, getIncidents, type Incident } from "../rpc/incident-methods.ts"
import type { RpcClient } from "../rpc/RpcClient.ts"
import type { RpcProblem } from "../rpc/RpcProblem.ts"
import { useStore } from "../store/ConsoleStore.ts"

/** A file that is larger is not taken into memory here. */
const bytesMax = 256 * 1024 * 1024

const bytesOf = (base64: string): Uint8Array<ArrayBuffer> => Uint8Array.from(atob(base64), (char) => char.charCodeAt(0))

/** The whole file, part by part; or why it is not to be had. */
const fetchFile = async (client: RpcClient, seq: number, file: string): Promise<Blob | RpcProblem> => {
  const parts: Array<Uint8Array<ArrayBuffer>> = []
  let [offset, whole] = [0, 1]
  while (offset < Math.min(whole, bytesMax)) {
    const outcome = await client.call(getIncidentFile, { seq, file, offset })
    if (outcome._tag === "Failed") return outcome.problem
    const part = bytesOf(outcome.value.chunk)
    if (part.length === 0) break
    parts.push(part)
    offset += part.length
    whole = outcome.value.bytes
  }
  return new Blob(parts, { type: "application/octet-stream" })
}

const saveAs = (blob: Blob, name: string): void => {
  const link = document.createElement("a")
  link.href = URL.createObjectURL(blob)
  link.download = name
  link.click()
  URL.revokeObjectURL(link.href)
}

const Files = ({ incident }: { readonly incident: Incident }) => {
  const { client } = useStore()
  const [problem, setProblem] = useState<RpcProblem | undefined>(undefined)
  const [busy, setBusy] = useState("")
  const save = async (name: string) => {
    setBusy(name)
    const found = await fetchFile(client, incident.seq, name)
    setBusy("")
    setProblem(found instanceof Blob ? undefined : found)
    if (found instanceof Blob) saveAs(found, `incident-${incident.seq}-${name}`)
  }
  return (
    <>
      <ul class="objects">
        {incident.files.map(({ bytes, name }) => (
          <li key={name}>
            <button type="button" disabled={busy !== ""} onClick={() => void save(name)}>
              Download {name}
            </button>{" "}
            <span class="muted">{sizeText(bytes)}</span>
          </li>
        ))}
      </ul>
      {problem === undefined ? null : <Problem problem={problem} />}
    </>
  )
}

/** All that the target has kept, asked once; none while that is not known. */
const useIncidents = (): ReadonlyArray<Incident> => {
  const { client } = useStore()
  const [incidents, setIncidents] = useState<ReadonlyArray<Incident>>([])
  useEffect(() => {
    let isWanted = true
    void client.call(getIncidents).then((outcome) => {
      if (isWanted && outcome._tag === "Answer") setIncidents(outcome.value.incidents)
    })
    return () => {
      isWanted = false
    }
  }, [client])
  return incidents
}

/** Nothing, unless `seq` is the record of an incident, or one that belongs to it. */
export const IncidentCard = ({ seq }: { readonly seq: number }) => {
  const found = useIncidents().find((one) => one.seq === seq || one.joined.some((record) => record.seq === seq))
  if (found === undefined) return null
  return (
    <Card title="What was kept of the incident">
      {found.seq === seq ? null : (
        <p>
          It belongs to the incident of <a href={linkTo.record(found.seq)}>record {found.seq}</a>: {found.text}
        </p>
      )}
      {found.joined_count === 0 ? null : <p>{counted(found.joined_count, "further record")} of the same incident.</p>}
      {found.missing.map((sentence) => (
        <p key={sentence}>{sentence}</p>
      ))}
      <Files incident={found} />
      <p class="command muted">
        All of it in one file: <code>lunlog incident bundle --around {found.seq}</code>
      </p>
    </Card>
  )
}
