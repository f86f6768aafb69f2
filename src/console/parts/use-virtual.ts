/** Draws of a long list only what is seen: TanStack Virtual's core, as a hook. */
import { elementScroll, observeElementOffset, observeElementRect, Virtualizer } from "@tanstack/virtual-core"
import { useEffect, useLayoutEffect, useReducer, useState } from "preact/hooks"

/** Rows drawn beyond each edge. */
const overscan = 8

/** What to draw, and how high what is not drawn would be. */
export interface VirtualRows {
  readonly indexes: ReadonlyArray<number>
  readonly before: number
  readonly after: number
  readonly scrollTo: (index: number) => void
}

/** `scroller` is what scrolls; all rows are `rowPixels` high, below a head of the same height. */
export const useVirtual = (
  scroller: { readonly current: HTMLElement | null },
  count: number,
  rowPixels: number
): VirtualRows => {
  const [, redraw] = useReducer((turn: number) => turn + 1, 0)
  const [virtualizer] = useState(
    () =>
      new Virtualizer<HTMLElement, HTMLElement>({
        count,
        getScrollElement: () => scroller.current,
        estimateSize: () => rowPixels,
        scrollToFn: elementScroll,
        observeElementRect,
        observeElementOffset
      })
  )
  virtualizer.setOptions({
    ...virtualizer.options,
    count,
    estimateSize: () => rowPixels,
    overscan,
    scrollPaddingStart: rowPixels,
    onChange: () => redraw(undefined)
  })
  useLayoutEffect(() => virtualizer._didMount(), [virtualizer])
  useEffect(() => virtualizer._willUpdate())
  const items = virtualizer.getVirtualItems()
  return {
    indexes: items.map(({ index }) => index),
    before: items[0]?.start ?? 0,
    after: virtualizer.getTotalSize() - (items.at(-1)?.end ?? 0),
    scrollTo: (index) => virtualizer.scrollToIndex(index)
  }
}
