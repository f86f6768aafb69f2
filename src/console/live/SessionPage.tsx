/** A session: its load, what was negotiated, what happened to it. */
import { countText, sizeText } from "../format.ts"
import { Badge } from "../parts/Badge.tsx"
import { Empty } from "../parts/Empty.tsx"
import { Card, Facts, Page } from "../parts/Page.tsx"
import { linkTo } from "../route.ts"
import { tailLog } from "../rpc/log-methods.ts"
import { kickSession, type Session } from "../rpc/methods.ts"
import { isRecord } from "../rpc/reader-codec.ts"
import { useStore } from "../store/ConsoleStore.ts"
import { sessionKey } from "../store/LiveRates.ts"
import { useAnswer } from "../store/use-answer.ts"
import { Action, ReadOnlyNote } from "./Action.tsx"
import { RateCharts } from "./RateCharts.tsx"
import { ObjectEvents } from "./RecordList.tsx"
import { useHistory } from "./use-history.ts"

/** Commands that have no LUN, and bytes on the wire: what only sessions count. */
const Traffic = ({ id }: { readonly id: number }) => {
  const { rates } = useStore()
  // Drawn again with every sample.
  rates.now.value.at
  const counters = rates.sessionCounters(id)
  if (counters === undefined) return null
  return (
    <Card title="Traffic">
      <Facts
        of={[
          ["Commands", countText(counters.commands)],
          ["In flight", countText(counters.in_flight)],
          ["Received", sizeText(counters.bytes_received)],
          ["Sent", sizeText(counters.bytes_sent)],
          ["Waiting for the network", sizeText(counters.unsent_bytes)],
          ["Buffers of commands", sizeText(counters.buffer_bytes)],
          ["Failed IOs", countText(counters.errors)]
        ]}
      />
    </Card>
  )
}

/** As RFC 7143 section 13 writes the keys. */
const keyName = (name: string): string => `${name.charAt(0).toUpperCase()}${name.slice(1)}`

/** What the record of its login says. */
const Negotiated = ({ tsih }: { readonly tsih: number }) => {
  const answer = useAnswer(tailLog, { object: [`session:${tsih}`], type: ["SessionOpened"], count: 1, words: true })
  const record = answer?._tag === "Answer" ? answer.value.records.at(-1) : undefined
  const payload = record?.payload
  const parameters = isRecord(payload) ? payload["parameters"] : undefined
  return (
    <Card
      title="Negotiated parameters"
      aside={record === undefined ? null : <a href={linkTo.record(record.seq)}>Login</a>}
    >
      {isRecord(parameters) ? (
        <Facts of={Object.entries(parameters).map(([name, value]) => [keyName(name), String(value)])} />
      ) : (
        <p class="muted">{answer === undefined ? "Asking…" : "The record of the login is not in the log any more."}</p>
      )}
    </Card>
  )
}

const Present = ({ session }: { readonly session: Session }) => (
  <div class="grid wide">
    <Card title="Session">
      <Facts
        of={[
          ["Initiator", session.initiator_name],
          ["Address", session.initiator_addr],
          [
            "Target",
            session.target_name === "" ? (
              "none: discovery"
            ) : (
              <a key="target" href={linkTo.target(session.target_name)}>
                {session.target_name}
              </a>
            )
          ],
          ["Over", session.target_addr],
          [
            "Portal group",
            <a key="group" href={linkTo.portalGroup(session.portal_group_tag)}>
              {session.portal_group_tag}
            </a>
          ],
          ["TSIH", session.tsih],
          ["State", <Badge key="state">{session.state}</Badge>]
        ]}
      />
    </Card>
    <Traffic id={session.id} />
    <Negotiated tsih={session.tsih} />
  </div>
)

const LogoutAction = ({ id }: { readonly id: number }) => {
  const { client } = useStore()
  return (
    <Action title="Log out session" run={() => client.call(kickSession, { id })}>
      <p>
        The initiator is asked to log out. If it has not within 30 seconds, its connection is cut. It may log in again.
      </p>
    </Action>
  )
}

/** The page of a session, by the number of its connection. */
export const SessionPage = ({ id }: { readonly id: number }) => {
  const { objects } = useStore()
  const history = useHistory(sessionKey(id))
  const session = objects.sessions.value?.find((one) => one.id === id)
  const isGone = objects.sessions.value !== undefined && session === undefined
  return (
    <Page
      title={session === undefined ? `Session ${id}` : session.initiator_name}
      trail={<a href={linkTo.sessions()}>Sessions</a>}
      actions={session === undefined ? undefined : <LogoutAction id={id} />}
    >
      {session === undefined ? null : <ReadOnlyNote />}
      {isGone ? (
        <Empty>
          This session has ended. <a href={linkTo.log({ type: "Session*" })}>Sessions in the log</a>
        </Empty>
      ) : null}
      {isGone && history.length === 0 ? null : <RateCharts history={history} />}
      {session === undefined ? null : <Present session={session} />}
      {session === undefined ? null : <ObjectEvents object={`session:${session.tsih}`} />}
    </Page>
  )
}
