/** A tree as the lines that are seen of it: children are only made of what is open. Pure. */

/** A node; `children` is called when it is open, and not else. */
export interface TreeNode {
  /** Among all nodes of the tree. */
  readonly key: string
  readonly label: string
  /** It is a name: where there is no room, its end is shown. */
  readonly isNamed?: boolean
  /** Beside the label, muted. */
  readonly detail?: string
  readonly href?: string
  readonly badge?: { readonly text: string; readonly tone: "good" | "warn" | "bad" | "accent" | "none" }
  readonly children?: () => ReadonlyArray<TreeNode>
}

/** A line of the tree. */
export interface TreeLine {
  readonly node: TreeNode
  /** 1 for those at the root. */
  readonly level: number
  /** Of the line of its parent; -1 for those at the root. */
  readonly parent: number
  readonly position: number
  readonly siblings: number
  readonly isOpen: boolean
}

/** Lines from top to bottom. */
export const treeLines = (roots: ReadonlyArray<TreeNode>, open: ReadonlySet<string>): ReadonlyArray<TreeLine> => {
  const lines: Array<TreeLine> = []
  const add = (nodes: ReadonlyArray<TreeNode>, level: number, parent: number): void => {
    nodes.forEach((node, index) => {
      const isOpen = node.children !== undefined && open.has(node.key)
      const at = lines.length
      lines.push({ node, level, parent, position: index + 1, siblings: nodes.length, isOpen })
      if (isOpen) add(node.children?.() ?? [], level + 1, at)
    })
  }
  add(roots, 1, -1)
  return lines
}

/** What a key does in a tree (ARIA Authoring Practices): another line is active, or a node opens or closes. */
export type TreeMove =
  | { readonly _tag: "Go"; readonly index: number }
  | { readonly _tag: "Toggle"; readonly key: string }
  | { readonly _tag: "Follow" }

const goRight = ({ isOpen, node }: TreeLine, index: number): TreeMove | undefined => {
  if (node.children === undefined) return undefined
  return isOpen ? { _tag: "Go", index: index + 1 } : { _tag: "Toggle", key: node.key }
}

const goLeft = ({ isOpen, node, parent }: TreeLine): TreeMove | undefined => {
  if (isOpen) return { _tag: "Toggle", key: node.key }
  return parent < 0 ? undefined : { _tag: "Go", index: parent }
}

/** `index` is the active line. */
export const treeMove = (lines: ReadonlyArray<TreeLine>, index: number, key: string): TreeMove | undefined => {
  const line = lines[index]
  if (line === undefined) return undefined
  switch (key) {
    case "ArrowDown":
      return { _tag: "Go", index: Math.min(lines.length - 1, index + 1) }
    case "ArrowUp":
      return { _tag: "Go", index: Math.max(0, index - 1) }
    case "Home":
      return { _tag: "Go", index: 0 }
    case "End":
      return { _tag: "Go", index: lines.length - 1 }
    case "ArrowRight":
      return goRight(line, index)
    case "ArrowLeft":
      return goLeft(line)
    case "Enter":
      return line.node.href === undefined ? { _tag: "Toggle", key: line.node.key } : { _tag: "Follow" }
    case " ":
      return { _tag: "Toggle", key: line.node.key }
    default:
      return undefined
  }
}
