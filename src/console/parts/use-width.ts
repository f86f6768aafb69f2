/** How wide an element is, in pixels: for what is left out where there is no room. */
import { useLayoutEffect, useState } from "preact/hooks"

/** 0 before it is known. Drawn again only when the width is another. */
export const useWidth = (element: { readonly current: HTMLElement | null }): number => {
  const [width, setWidth] = useState(0)
  useLayoutEffect(() => {
    const observed = element.current
    if (observed === null) return
    setWidth(observed.clientWidth)
    const observer = new ResizeObserver(() => setWidth(observed.clientWidth))
    observer.observe(observed)
    return () => observer.disconnect()
  }, [element])
  return width
}
