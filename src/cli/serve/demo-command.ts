/** `lunlog demo`, which `npm start` runs: a target from an embedded configuration, and how to go on from there. */
import { Console, Effect, Option } from "effect"
import { Command, Flag } from "effect/cli"
import { Instance } from "../../rpc/Instance.ts"
import { defaultSocketPath } from "../../rpc/socket-path.ts"
import { CliFailure } from "../CliFailure.ts"
import { demoConfig, demoTarget } from "./demo-config.ts"
import { type ConsoleSettings, consoleFlags, newConsole } from "./listen/console-flags.ts"
import { consoleUrl } from "./listen/console-url.ts"
import { isLoopback, type ListenAddress, loopback } from "./listen/listen-address.ts"
import { telemetryLayer } from "./otlp/telemetry-layer.ts"
import type { LoadDataPlane } from "./serve-command.ts"
import { boundedInt, removalDeadlineDefault, serverFlags, socketFlag } from "./server-flags.ts"
import { defaultStateDirectory } from "./state-directory.ts"

const portDefault = 3260

/** How the program is called here: a checkout has it in `bin`. */
const self = import.meta.url.endsWith(".ts") ? "bin/lunlog.js" : "lunlog"

const consoleLines = (url: string): string => `
Open the web console in a browser on this machine (the address has its token, keep it to yourself):
  ${url}
`

/** What the demo prints when initiators are let in; `console` is the URL of its web console. */
export const demoText = (port: number, socketPath: string, console: string | undefined): string => {
  const portal = `127.0.0.1:${port}`
  const socket = socketPath === defaultSocketPath ? "" : ` -r ${socketPath}`
  const [discoveryPort, windowsPort] =
    port === portDefault ? ["", ""] : [`:${port}`, ` -TargetPortalPortNumber ${port}`]
  return `
lunlog serves two disks of 64 MiB, kept in memory, as ${demoTarget} on ${portal}.
${console === undefined ? "" : consoleLines(console)}
Look at it, in another terminal:
  ${self} status${socket}
  ${self} log tail -f${socket}
  ${self} rpc${socket} iscsi_get_target_nodes
  iscsi-ls -s iscsi://${portal}                  (Debian: apt install libiscsi-bin)

Connect from Linux, as root (Debian: apt install open-iscsi):
  iscsiadm -m discovery -t sendtargets -p 127.0.0.1${discoveryPort}
  iscsiadm -m node -T ${demoTarget} -p ${portal} --login

Connect from Windows, in PowerShell as administrator, with this machine's address (see below):
  Start-Service MSiSCSI
  New-IscsiTargetPortal -TargetPortalAddress ADDRESS${windowsPort}
  Connect-IscsiTarget -NodeAddress ${demoTarget}

Use it in qemu:
  qemu-system-x86_64 -m 512 -drive file=iscsi://${portal}/${demoTarget}/0,format=raw,if=virtio

Only this machine is let in. For others: copy docs/example.yaml, open its portal and netmask, and run
  ${self} serve -c FILE

Stop it with Ctrl-C.
`
}

const demoStateDirectory = (): string => `${defaultStateDirectory()}-demo`

const withPortHint = (message: string): string =>
  message.includes("EADDRINUSE") ? `${message}\nAnother port: ${self} demo --port 3261` : message

/** A port that is easy to remember, if it is free. */
const consoleDefault: ListenAddress = { host: loopback, port: 8260 }

const demoConsole = (input: {
  readonly console: Option.Option<ListenAddress>
  readonly consoleAllowChanges: boolean
  readonly noConsole: boolean
}): Effect.Effect<ConsoleSettings | undefined, CliFailure> => {
  const { console, consoleAllowChanges: allowsChanges, noConsole } = input
  if (noConsole) return Effect.undefined
  const address = Option.getOrElse(console, () => consoleDefault)
  if (!isLoopback(address.host)) {
    const message = `--console ${address.host}: the demo is for this machine; lunlog serve has consoles for others`
    return Effect.fail(new CliFailure({ message }))
  }
  return Effect.sync(() => ({
    ...newConsole(address, allowsChanges),
    isPortWished: Option.isNone(console),
    printsUrl: false
  }))
}

const sayHow = (port: number, socket: string): Effect.Effect<void, never, Instance> =>
  Effect.gen(function* () {
    const console = (yield* Instance).console()
    const url = console === undefined ? undefined : consoleUrl(console.url, console.token)
    yield* Console.log(demoText(port, socket, url))
  })

/** The command; `load` brings in the server's code. */
export const demoCommand = (load: LoadDataPlane) =>
  Command.make(
    "demo",
    {
      socket: socketFlag,
      state: Flag.String("state").pipe(
        Flag.withMetavar("DIR"),
        Flag.withDescription(`State directory (default ${demoStateDirectory()})`),
        Flag.withDefault(demoStateDirectory())
      ),
      port: boundedInt("port", 1, 65535).pipe(
        Flag.withAlias("p"),
        Flag.withDescription(`TCP port on 127.0.0.1 (default ${portDefault})`),
        Flag.withDefault(portDefault)
      ),
      console: consoleFlags.console,
      noConsole: Flag.Boolean("no-console").pipe(
        Flag.withDescription(`No web console (default: one on ${loopback}:${consoleDefault.port}, or a free port)`),
        Flag.withDefault(false)
      ),
      consoleAllowChanges: consoleFlags.consoleAllowChanges,
      logFormat: serverFlags.logFormat
    },
    Effect.fn(function* ({ logFormat, port, socket, state, ...input }) {
      const { runServer } = yield* Effect.promise(() => import("./run-server.ts"))
      const { configureFromText } = yield* Effect.promise(() => import("./configure.ts"))
      const { serverReady } = yield* Effect.promise(() => import("./ready.ts"))
      const configure = yield* configureFromText("demo", demoConfig(port))
      const settings = {
        stateDirectory: state,
        stateMode: "empty",
        socketPath: socket,
        removalDeadlineMillis: removalDeadlineDefault,
        identityStyle: "uuid",
        waitForRpc: false,
        acceptLogLoss: false,
        configure,
        listeners: Effect.map(demoConsole(input), (console) => ({ console })),
        onReady: Effect.andThen(serverReady, sayHow(port, socket))
      } as const
      const makeDataPlane = yield* Effect.promise(load)
      yield* runServer(settings, makeDataPlane).pipe(
        Effect.mapError(({ message }) => new CliFailure({ message: withPortHint(message) })),
        Effect.provide(telemetryLayer({ format: logFormat }))
      )
    })
  ).pipe(
    Command.withDescription(
      "Serve two small disks in memory to this machine, from an embedded configuration. Each start begins anew."
    )
  )
