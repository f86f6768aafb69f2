/** Who is registered with a disk, and who holds it (persistent reservations). */
import { Badge } from "../parts/Badge.tsx"
import { Card } from "../parts/Page.tsx"
import { Problem } from "../parts/Problem.tsx"
import { getReservations } from "../rpc/methods.ts"
import { useStore } from "../store/ConsoleStore.ts"
import { useAnswer } from "../store/use-answer.ts"

/** A card. */
export const Reservations = ({ bdev }: { readonly bdev: string }) => {
  const { objects } = useStore()
  const answer = useAnswer(getReservations, { name: bdev }, objects.turn.value)
  const unit = answer?._tag === "Answer" ? answer.value[0] : undefined
  return (
    <Card title="Reservations">
      {answer?._tag === "Failed" ? <Problem problem={answer.problem} /> : null}
      {unit === undefined ? (
        <p class="muted">Nobody is registered.</p>
      ) : (
        <>
          <p>{unit.reservation === undefined ? "Nobody holds it." : `Held: ${unit.reservation.type_name}`}</p>
          <ul>
            {unit.registrations.map(({ holder, initiator_name, isid, key, target_name }) => (
              <li key={`${initiator_name} ${isid} ${target_name}`} class="anywhere">
                {initiator_name} <span class="muted">with key {key}</span>{" "}
                {holder ? <Badge tone="accent">holds it</Badge> : null}
              </li>
            ))}
          </ul>
        </>
      )}
    </Card>
  )
}
