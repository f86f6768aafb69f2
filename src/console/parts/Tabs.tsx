/** Tabs with arrow keys, as the ARIA Authoring Practices describe them. */
import type { ComponentChildren, TargetedKeyboardEvent } from "preact"
import { useId, useRef } from "preact/hooks"

/** One of them. */
export interface Tab {
  readonly name: string
  readonly title: string
  readonly view: () => ComponentChildren
}

const nextIndex = (key: string, index: number, count: number): number | undefined => {
  switch (key) {
    case "ArrowRight":
      return (index + 1) % count
    case "ArrowLeft":
      return (index + count - 1) % count
    case "Home":
      return 0
    case "End":
      return count - 1
    default:
      return undefined
  }
}

/** Shows one of several; which one is the caller's to know, so that it can be in the address. */
export const Tabs = (props: {
  readonly label: string
  readonly tabs: ReadonlyArray<Tab>
  readonly selected: string
  readonly onSelect: (name: string) => void
}) => {
  const { label, onSelect, tabs } = props
  const id = useId()
  const bar = useRef<HTMLDivElement>(null)
  const index = Math.max(
    0,
    tabs.findIndex(({ name }) => name === props.selected)
  )
  const choose = (event: TargetedKeyboardEvent<HTMLDivElement>) => {
    const next = nextIndex(event.key, index, tabs.length)
    const tab = next === undefined ? undefined : tabs[next]
    if (next === undefined || tab === undefined) return
    event.preventDefault()
    onSelect(tab.name)
    const button = bar.current?.children[next]
    if (button instanceof HTMLElement) button.focus()
  }
  return (
    <div>
      <div class="tabs" role="tablist" aria-label={label} ref={bar} onKeyDown={choose}>
        {tabs.map(({ name, title }, at) => (
          <button
            key={name}
            type="button"
            role="tab"
            id={`${id}-${name}`}
            aria-selected={at === index}
            aria-controls={`${id}-panel`}
            tabIndex={at === index ? 0 : -1}
            onClick={() => onSelect(name)}
          >
            {title}
          </button>
        ))}
      </div>
      <div class="tab-panel" role="tabpanel" id={`${id}-panel`} aria-labelledby={`${id}-${tabs[index]?.name}`}>
        {tabs[index]?.view()}
      </div>
    </div>
  )
}
