/** The rates of one LUN or session for its charts; kept, with idle seconds, while its page is open. */
import { useEffect } from "preact/hooks"
import { useStore } from "../store/ConsoleStore.ts"
import type { RateHistory } from "../store/RateHistory.ts"

/** By `lunKey` or `sessionKey`. */
export const useHistory = (key: string): RateHistory => {
  const { histories } = useStore().rates
  useEffect(() => histories.watch(key), [histories, key])
  return histories.historyOf(key)
}
