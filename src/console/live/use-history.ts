/** The rates of one LUN or session for its charts; kept, with idle seconds, while its page is open. */
import { useEffect } from "preact/hooks"
import { useStore } from "../store/ConsoleStore.ts"
import type { RateHistory } from "../store/RateHistory.ts"

/** By `lunKey` or `sessionKey`. */
export const useHistory = (key: string): RateHistory => {
  const store = useStore()
  const { histories } = store.rates
  useEffect(() => {
    const end = histories.watch(key)
    void store.recallRates()
    return end
  }, [store, histories, key])
  return histories.historyOf(key)
}
