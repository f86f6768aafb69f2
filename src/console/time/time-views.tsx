/** The pages about the event log. */
import "./time.css"
import type { ComponentChildren } from "preact"
import type { Route } from "../route.ts"
import { LogPage } from "./LogPage.tsx"
import { RecordPage } from "./RecordPage.tsx"

/** Draws what is at an address; undefined stands for an address that nothing is at. */
type TimeView = (route: Route) => ComponentChildren

/** `#/log`, and `#/log/SEQ`. */
const logView: TimeView = ({ segments: [, seq, ...rest] }) => {
  if (seq === undefined) return <LogPage />
  return rest.length === 0 && /^\d{1,15}$/u.test(seq) ? <RecordPage key={seq} seq={Number(seq)} /> : undefined
}

/** By the first part of the address. */
export const timeViews: ReadonlyArray<readonly [name: string, view: TimeView]> = [["log", logView]]
