/** A tree that can be very long: only the lines that are seen are in the document. Arrow keys walk, open and close. */
import "./tree.css"
import type { TargetedKeyboardEvent } from "preact"
import { useId, useMemo, useRef, useState } from "preact/hooks"
import { Badge } from "./Badge.tsx"
import { EndShown } from "./EndShown.tsx"
import { type TreeLine, type TreeNode, treeLines, treeMove } from "./tree-nodes.ts"
import { useVirtual } from "./use-virtual.ts"

/** Height of a line in pixels, as the style sheet has it (`--row`). */
const rowPixels = 36

const Line = (props: {
  readonly id: string
  readonly line: TreeLine
  readonly isActive: boolean
  readonly onToggle: () => void
}) => {
  const { id, isActive, line, onToggle } = props
  const { node } = line
  const { badge, children, detail, href, label } = node
  return (
    // biome-ignore lint/a11y/useFocusableInteractive: the tree has the focus and names its active line
    <div
      id={id}
      class="tree-line"
      role="treeitem"
      aria-level={line.level}
      aria-posinset={line.position}
      aria-setsize={line.siblings}
      aria-selected={isActive}
      {...(children === undefined ? {} : { "aria-expanded": line.isOpen })}
      style={{ paddingInlineStart: `${(line.level - 1) * 1.25}rem` }}
    >
      {children === undefined ? (
        <span class="tree-mark" />
      ) : (
        <button type="button" class="tree-mark" tabIndex={-1} aria-hidden="true" onClick={onToggle}>
          {line.isOpen ? "▾" : "▸"}
        </button>
      )}
      {href === undefined ? (
        <span>{label}</span>
      ) : (
        <a class={node.isNamed === true ? "start-cut" : ""} href={href} tabIndex={-1} title={label}>
          <EndShown>{label}</EndShown>
        </a>
      )}
      {detail === undefined ? null : <span class="muted tree-detail">{detail}</span>}
      {badge === undefined ? null : <Badge tone={badge.tone}>{badge.text}</Badge>}
    </div>
  )
}

const toggled = (open: ReadonlySet<string>, key: string): ReadonlySet<string> => {
  const next = new Set(open)
  if (!next.delete(key)) next.add(key)
  return next
}

/** The tree; `initiallyOpen` are keys. */
export const Tree = (props: {
  readonly label: string
  readonly roots: ReadonlyArray<TreeNode>
  readonly initiallyOpen: ReadonlySet<string>
}) => {
  const { label, roots } = props
  const scroller = useRef<HTMLDivElement>(null)
  const id = useId()
  const [open, setOpen] = useState(props.initiallyOpen)
  const [chosen, setChosen] = useState(0)
  const lines = useMemo(() => treeLines(roots, open), [roots, open])
  const active = Math.min(chosen, lines.length - 1)
  const { after, before, indexes, scrollTo } = useVirtual(scroller, lines.length, rowPixels)
  const onKeyDown = (event: TargetedKeyboardEvent<HTMLDivElement>) => {
    const move = treeMove(lines, active, event.key)
    if (move === undefined || event.altKey || event.ctrlKey || event.metaKey) return
    event.preventDefault()
    if (move._tag === "Toggle") return setOpen(toggled(open, move.key))
    if (move._tag === "Follow") {
      location.hash = lines[active]?.node.href ?? location.hash
      return
    }
    setChosen(move.index)
    scrollTo(move.index)
  }
  return (
    <div
      class="table-scroll tree"
      ref={scroller}
      role="tree"
      aria-label={label}
      aria-activedescendant={`${id}-${active}`}
      tabIndex={0}
      onKeyDown={onKeyDown}
    >
      <div style={{ height: `${before}px` }} />
      {indexes.map((index) => {
        const line = lines[index]
        if (line === undefined) return null
        return (
          <Line
            key={line.node.key}
            id={`${id}-${index}`}
            line={line}
            isActive={index === active}
            onToggle={() => {
              setChosen(index)
              setOpen(toggled(open, line.node.key))
            }}
          />
        )
      })}
      <div style={{ height: `${after}px` }} />
    </div>
  )
}
