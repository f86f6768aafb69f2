/** A bdev and what it is stacked on, down to the medium. */
import { countText, sizeText } from "../format.ts"
import { Badge } from "../parts/Badge.tsx"
import { Problem } from "../parts/Problem.tsx"
import { linkTo } from "../route.ts"
import { type Bdev, getBdevs } from "../rpc/methods.ts"
import type { Outcome } from "../rpc/RpcClient.ts"
import { useStore } from "../store/ConsoleStore.ts"
import { baseOf } from "../store/ObjectIndex.ts"
import { useAnswer } from "../store/use-answer.ts"
import { bdevBadge } from "./topology-nodes.ts"

/** Levels that are followed; nothing is stacked as high. */
const levelsMax = 16

/** One bdev by its name, asked for again when something has changed. */
export const useBdev = (name: string | undefined): Outcome<ReadonlyArray<Bdev>> | undefined => {
  const { objects } = useStore()
  return useAnswer(getBdevs, name === undefined ? undefined : { name }, objects.turn.value)
}

const bdevText = ({ block_size, num_blocks, product_name }: Bdev): string =>
  `${product_name}, ${sizeText(block_size * num_blocks)}, blocks of ${countText(block_size)} B`

/** From `name` on down, each asked for by itself: the list of all may have thousands. */
export const Stack = ({ level = 0, name }: { readonly name: string; readonly level?: number }) => {
  const answer = useBdev(name)
  const index = useStore().objects.index.value
  const bdev = answer?._tag === "Answer" ? answer.value[0] : undefined
  const text = bdev === undefined ? "" : bdevText(bdev)
  const badge = bdevBadge(index, name)
  const base = bdev === undefined ? undefined : baseOf(bdev)
  return (
    <>
      <p class="anywhere">
        {level === 0 ? "" : "on "}
        <a href={linkTo.disk(name)}>{name}</a> <span class="muted">{text}</span>{" "}
        {badge === undefined ? null : <Badge tone={badge.tone}>{badge.text}</Badge>}
      </p>
      {level === 0 && bdev !== undefined ? <p class="muted anywhere">UUID {bdev.uuid}</p> : null}
      {answer?._tag === "Failed" ? <Problem problem={answer.problem} /> : null}
      {base === undefined || level >= levelsMax ? null : <Stack name={base} level={level + 1} />}
    </>
  )
}
