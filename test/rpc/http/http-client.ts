/** Requests as a hostile or a strange client would send them: any path, any header, in any pieces. */
import * as http from "node:http"
import * as net from "node:net"
import { Effect } from "effect"

/** What came back. */
export interface Answer {
  readonly status: number
  readonly headers: http.IncomingHttpHeaders
  readonly body: string
}

/** What is asked. */
export interface Ask {
  readonly method?: string
  readonly body?: string
  readonly headers?: Readonly<Record<string, string>>
}

const request = (url: string, ask: Ask): Promise<Answer> =>
  new Promise((resolve, reject) => {
    const { body = "", headers = {}, method = "GET" } = ask
    const sent = http.request(url, { method, headers, agent: false }, (response) => {
      let text = ""
      response.setEncoding("utf8")
      response.on("data", (piece: string) => {
        text += piece
      })
      response.on("end", () => resolve({ status: response.statusCode ?? 0, headers: response.headers, body: text }))
    })
    sent.on("error", reject)
    sent.end(body)
  })

/** Over a connection of its own. */
export const ask = (url: string, what: Ask = {}): Effect.Effect<Answer> => Effect.promise(() => request(url, what))

/** Sends bytes as they are; gives all that comes until the server closes. */
export const askRaw = (url: string, ...pieces: ReadonlyArray<string>): Effect.Effect<string> =>
  Effect.promise(
    () =>
      new Promise((resolve, reject) => {
        const { hostname, port } = new URL(url)
        const socket = net.connect(Number(port), hostname)
        let received = ""
        socket.setEncoding("latin1")
        socket.on("data", (text: string) => {
          received += text
        })
        socket.on("error", reject)
        socket.on("close", () => resolve(received))
        for (const piece of pieces) socket.write(piece, "latin1")
      })
  )
