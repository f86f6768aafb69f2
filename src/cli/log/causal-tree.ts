/** Causes and consequences of a record as trees on a terminal. */
import { Schema } from "effect"
import { RecordView } from "./RecordView.ts"
import { type LineStyle, recordLine } from "./record-line.ts"

/** What a list has left out, and the flags of `lunlog log tail` that show it. */
export const LeftOut = Schema.Struct({ count: Schema.Number, at_least: Schema.Boolean, filter: Schema.String })

/** A record in a tree. */
export interface TreeNode {
  readonly relation: string
  readonly record: RecordView
  readonly children: ReadonlyArray<TreeNode>
  readonly left_out?: typeof LeftOut.Type | undefined
}

/** As `eventlog_show` gives it. */
export const TreeNode: Schema.Codec<TreeNode, unknown> = Schema.Struct({
  relation: Schema.String,
  record: RecordView,
  children: Schema.Array(Schema.suspend((): Schema.Codec<TreeNode, unknown> => TreeNode)),
  left_out: Schema.optional(LeftOut)
})

/** A record with what led to it and what came of it: what `eventlog_show` answers. */
export const ShownRecord = Schema.Struct({
  record: RecordView,
  /** What it is about, as other questions name it. */
  objects: Schema.Array(Schema.String),
  causes: Schema.Array(TreeNode),
  consequences: Schema.Array(TreeNode),
  left_out: Schema.optional(LeftOut)
})
export type ShownRecord = typeof ShownRecord.Type

const leftOutLine = ({ at_least, count, filter }: typeof LeftOut.Type): string =>
  `… ${at_least ? "at least " : ""}${count} more: lunlog log tail ${filter}`

/** Lines of nodes that stand below one another; `indent` is what is in front of them. */
export const treeLines = (
  nodes: ReadonlyArray<TreeNode>,
  leftOut: typeof LeftOut.Type | undefined,
  style: LineStyle,
  indent = ""
): ReadonlyArray<string> => {
  const lines = nodes.flatMap((node, index) => {
    const isLast = index === nodes.length - 1 && leftOut === undefined
    const below = `${indent}${isLast ? "   " : "│  "}`
    return [
      `${indent}${isLast ? "└─ " : "├─ "}${node.relation}: ${recordLine(node.record, style).trimStart()}`,
      ...treeLines(node.children, node.left_out, style, below)
    ]
  })
  return leftOut === undefined ? lines : [...lines, `${indent}└─ ${leftOutLine(leftOut)}`]
}
