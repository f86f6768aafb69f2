/** The answer to one question, asked when it is another, and given up when nobody waits for it any more. */
import { useEffect, useState } from "preact/hooks"
import type { Method, Outcome, Params } from "../rpc/RpcClient.ts"
import { useStore } from "../store/ConsoleStore.ts"

/** Undefined until it is there. `params` are compared by what they say. */
export const useAnswer = <A>(method: Method<A>, params: Params): Outcome<A> | undefined => {
  const { client } = useStore()
  const key = JSON.stringify(params)
  const [known, setKnown] = useState<{ readonly key: string; readonly outcome: Outcome<A> } | undefined>(undefined)
  useEffect(() => {
    const controller = new AbortController()
    void client.callAlone(method, params, controller.signal).then((outcome) => {
      if (!controller.signal.aborted) setKnown({ key, outcome })
    })
    return () => controller.abort()
  }, [client, method, key])
  return known?.key === key ? known.outcome : undefined
}
