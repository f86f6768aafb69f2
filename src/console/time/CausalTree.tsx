/** Records that led to another, or came of it, as a tree: lists in lists. */
import type { CausalNode, LeftOut } from "../rpc/history-methods.ts"
import { RecordLine } from "./RecordLine.tsx"
import { LeftOutLine } from "./WhyCard.tsx"

const Nodes = ({
  leftOut,
  nodes
}: {
  readonly nodes: ReadonlyArray<CausalNode>
  readonly leftOut: LeftOut | undefined
}) => (
  <ul class="causal">
    {nodes.map(({ children, left_out, record, relation }) => (
      <li key={`${relation} ${record.seq}`}>
        <span class="relation">{relation}</span> <RecordLine record={record} />
        {children.length === 0 && left_out === undefined ? null : <Nodes nodes={children} leftOut={left_out} />}
      </li>
    ))}
    <LeftOutLine leftOut={leftOut} />
  </ul>
)

/** `none` is said where there are no records. */
export const CausalTree = (props: {
  readonly nodes: ReadonlyArray<CausalNode>
  readonly leftOut: LeftOut | undefined
  readonly none: string
}) =>
  props.nodes.length === 0 && props.leftOut === undefined ? (
    <p class="muted">{props.none}</p>
  ) : (
    <Nodes nodes={props.nodes} leftOut={props.leftOut} />
  )
