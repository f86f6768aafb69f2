/** A shell in the Linux guest of `test/interop/linux-initiator`: commands from here, one after the other. */
import { once } from "node:events"
import { createServer, type Socket } from "node:net"
import { join } from "node:path"
import { startChild } from "./child-process.ts"
import { projectDirectory } from "./target-process.ts"

const guestDirectory = join(projectDirectory, "test/interop/linux-initiator")

/** What the guest's image is built with and run by. */
export const guestTools = ["qemu-system-x86_64", "dpkg-deb", "mke2fs", "depmod", "cpio", "xz", "zstd"]

/** Root in the guest, whose 127.0.0.0/8 is this machine's. */
export interface LinuxGuest extends AsyncDisposable {
  /** What a command prints, on stdout and stderr, without newlines at its end. */
  readonly run: (command: string) => Promise<string>
  /** The power is cut: nothing that is not on the disks is written any more. */
  readonly cutPower: () => Promise<void>
}

/** Answers as they come; a guest that has ended is an error. */
const answersOf = (socket: Socket, whyEnded: () => string): (() => Promise<string>) => {
  let received = ""
  let wake = (): void => {}
  const changed = (): Promise<void> =>
    new Promise((resolve) => {
      wake = resolve
    })
  socket.setEncoding("utf8")
  socket.on("data", (text: string) => {
    received += text
    wake()
  })
  socket.on("close", () => wake())
  // What a broken connection means is told by the next command.
  socket.on("error", () => {})
  return async () => {
    while (!received.includes("\0")) {
      if (socket.destroyed) throw new Error(`the guest has ended:\n${received}${whyEnded()}`)
      await changed()
    }
    const end = received.indexOf("\0")
    const answer = received.slice(0, end)
    received = received.slice(end + 1)
    return answer
  }
}

/** Boots the guest; it ends by itself after `seconds`. */
export const startLinuxGuest = async (seconds: number): Promise<LinuxGuest> => {
  const server = createServer().listen(0, "127.0.0.1")
  await once(server, "listening")
  const address = server.address()
  const port = typeof address === "object" && address !== null ? address.port : 0
  const shell = join(guestDirectory, "scripts/shell.sh")
  const child = await startChild({
    command: join(guestDirectory, "linux-initiator"),
    args: ["run", "--timeout", String(seconds), shell, String(port)]
  })
  const connected = new Promise<Socket>((resolve) => {
    server.once("connection", resolve)
  })
  const socket = await Promise.race([connected, child.exited.then(() => undefined)])
  server.close()
  const said = (): string => `${child.stdout()}${child.stderr()}`
  if (socket === undefined) throw new Error(`the guest did not start:\n${said()}`)
  const answer = answersOf(socket, said)
  return {
    run: (command) => {
      socket.write(`${command}\0`)
      return answer()
    },
    cutPower: async () => {
      child.signal("SIGKILL")
      await child.exited
    },
    [Symbol.asyncDispose]: async () => {
      socket.end()
      socket.destroy()
      await child.exited
    }
  }
}
