/** `/metrics`: what Prometheus scrapes. */
import { Effect, Option, Semaphore } from "effect"
import { HttpServerResponse } from "effect/http"
import { expositionType } from "../metrics/exposition.ts"
import { refuseForNow } from "./http-answers.ts"
import { type Route, readMethods } from "./Site.ts"

/** Scrapes at the same time: each reads every counter. */
const scrapesMax = 2

/** The route for a text that is made anew for each scrape. */
export const metricsRoute = (text: Effect.Effect<string>, needsToken: boolean): Effect.Effect<Route> =>
  Effect.map(Semaphore.make(scrapesMax), (running) => ({
    methods: readMethods,
    needsToken,
    respond: Effect.map(
      running.withPermitsIfAvailable(1)(text),
      Option.match({
        onNone: () => refuseForNow(503, `${scrapesMax} scrapes are running`),
        onSome: (body) => HttpServerResponse.text(body, { contentType: expositionType })
      })
    )
  }))
