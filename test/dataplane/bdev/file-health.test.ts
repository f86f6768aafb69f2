/** That a file's operations fail is told once for each cause, and that they do no more, after a quiet minute. */
import { afterEach, assert, beforeEach, it, vi } from "vitest"
import { FileHealth, quietMillis } from "../../../src/dataplane/bdev/file/FileHealth.ts"

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] })
})
afterEach(() => {
  vi.useRealTimers()
})

const told = () => {
  const news: Array<string> = []
  const health = new FileHealth("/srv/disk.img", (item) => {
    if (item._tag === "Health") news.push(`${item.health}: ${item.detail}`)
  })
  return { health, news }
}

it("a full file system is told with the file that is in it; it is well again a minute after the last failure", () => {
  const { health, news } = told()
  health.failed("write", "ENOSPC")
  assert.deepStrictEqual(news.splice(0), ["degraded: there is no room in the file system of /srv/disk.img (ENOSPC)"])
  vi.advanceTimersByTime(quietMillis / 2)
  health.failed("read", "EIO")
  assert.deepStrictEqual(news.splice(0), ["degraded: a read of /srv/disk.img has failed (EIO)"])
  vi.advanceTimersByTime(quietMillis - 1)
  assert.deepStrictEqual(news, [])
  vi.advanceTimersByTime(1)
  assert.deepStrictEqual(news.splice(0), ["ok: nothing of /srv/disk.img has failed for a minute"])
  vi.advanceTimersByTime(10 * quietMillis)
  assert.deepStrictEqual(news, [])
})

it("a shortage that passes says nothing, and nothing is told of a file that is closed", () => {
  const { health, news } = told()
  health.failed("write", "ENOMEM")
  assert.deepStrictEqual(news, [])
  health.failed("write", "EIO")
  health.stop()
  vi.advanceTimersByTime(10 * quietMillis)
  assert.lengthOf(news, 1)
})
