/**
 * The whole of docs/guide, target and initiator: the `$` commands here, the `#` commands as root in a Linux guest, in
 * the order of the chapters; what both print must be what the pages show.
 */
import { setTimeout as delay } from "node:timers/promises"
import { assert, it } from "vitest"
import { guidePages, isAsShown, type PageStep } from "../support/guide-pages.ts"
import { type GuidePlayer, startGuidePlayer } from "../support/guide-player.ts"
import { guestTools, type LinuxGuest, startLinuxGuest } from "../support/linux-guest.ts"
import { describeWithTools } from "../support/requires-tool.ts"

const guestSeconds = 900
const lookMillisMax = 30_000

/** Commands that change nothing may be repeated: the kernel finds disks some time after the login. */
const onlyLooks = /^(dmesg|ls|lsblk|grep|iscsiadm -m session( -P 3.*)?$)/u

const initiatorPrints = async (guest: LinuxGuest, player: GuidePlayer, command: string, shown: string) => {
  const deadline = performance.now() + lookMillisMax
  for (;;) {
    const printed = player.asInGuide(await guest.run(player.here(command)))
    if (isAsShown(printed, shown) || !onlyLooks.test(command) || performance.now() > deadline) return printed
    await delay(200)
  }
}

const save = async (guest: LinuxGuest, player: GuidePlayer, path: string, text: string): Promise<void> => {
  if (!path.startsWith("/")) return player.write(path, text)
  assert.strictEqual(await guest.run(`cat > ${path} <<'END'\n${player.here(text)}END`), "")
}

const play = async (guest: LinuxGuest, player: GuidePlayer, step: PageStep): Promise<void> => {
  if (step.kind === "file") return save(guest, player, step.path, step.text)
  const { command, output } = step
  if (step.kind === "target" && player.serves(command)) return player.start(command)
  const printed =
    step.kind === "target"
      ? player.asInGuide(await player.run(command))
      : await initiatorPrints(guest, player, command, output)
  if (!isAsShown(printed, output)) assert.strictEqual(printed, output, command)
}

describeWithTools([...guestTools, "iscsi-ls"], "docs/guide with Linux as the initiator", () => {
  it("goes as it says", async () => {
    await using player = await startGuidePlayer()
    await using guest = await startLinuxGuest(guestSeconds)
    for (const { steps } of guidePages()) for (const step of steps) await play(guest, player, step)
  })
})
