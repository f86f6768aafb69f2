/**
 * Loaded into a server by the chaos suite: files below LUNLOG_CHAOS_DISKS have a volatile cache of their own, which
 * dies with the process. So SIGKILL is to them what a loss of power is to a machine: what was not synced is lost, or
 * was written by chance, sector by sector. Operations fail, wait or do less as the file LUNLOG_CHAOS_FAULTS says
 * (`{PATH: FAULT}`).
 *
 * libc is not reached around this: koffi cannot be loaded.
 */
import fs from "node:fs"
import { registerHooks, syncBuiltinESMExports } from "node:module"

const disks = `${process.env.LUNLOG_CHAOS_DISKS}/`
const faultsFile = process.env.LUNLOG_CHAOS_FAULTS
const isVolatile = process.env.LUNLOG_CHAOS_VOLATILE === "1"
const sectorBytes = 512
/** One sector in so many is written at once, as by a kernel that writes back. */
const writtenAtOnce = 4
const slowMillis = 120
const { close, fdatasync, fstatSync, open, read, readSync, write, writeSync, readFileSync, statSync } = fs

if (isVolatile) {
  registerHooks({
    resolve(specifier, context, next) {
      if (specifier === "koffi") throw new Error("koffi is kept out by the chaos suite")
      return next(specifier, context)
    }
  })
}

/** By path: sector number to its bytes. */
const caches = new Map()
/** By descriptor. */
const opened = new Map()
let chance = 12345

const roll = (sides) => {
  chance = (Math.imul(chance, 1103515245) + 12345) & 0x7fffffff
  return (chance >> 8) % sides
}

let faults = {}
let faultsChangedAt = -1
const faultOf = (path) => {
  try {
    const { mtimeMs } = statSync(faultsFile)
    if (mtimeMs !== faultsChangedAt) {
      faults = JSON.parse(readFileSync(faultsFile, "utf8"))
      faultsChangedAt = mtimeMs
    }
  } catch {
    return "none"
  }
  return faults[path] ?? "none"
}

const errorOf = (code, syscall) => Object.assign(new Error(`${code}: made up, ${syscall}`), { code, syscall })
const later = (fault, then) => (fault === "slow" ? setTimeout(then, slowMillis) : setImmediate(then))

fs.open = (path, flags, ...rest) => {
  const done = rest.at(-1)
  return open(path, flags, ...rest.slice(0, -1), (error, descriptor) => {
    if (error === null && typeof path === "string" && path.startsWith(disks)) {
      if (!caches.has(path)) caches.set(path, new Map())
      const isSync = typeof flags === "number" && (flags & fs.constants.O_DSYNC) !== 0
      opened.set(descriptor, { path, cache: caches.get(path), isSync })
    }
    done(error, descriptor)
  })
}

fs.close = (descriptor, done) => {
  opened.delete(descriptor)
  return close(descriptor, done)
}

const overlay = (cache, buffer, start, bytes, offset) => {
  for (let at = 0; at < bytes; at += sectorBytes) {
    const sector = cache.get((offset + at) / sectorBytes)
    if (sector !== undefined) sector.copy(buffer, start + at, 0, Math.min(sectorBytes, bytes - at))
  }
}

fs.read = (descriptor, buffer, start, bytes, offset, done) => {
  const file = opened.get(descriptor)
  if (file === undefined) return read(descriptor, buffer, start, bytes, offset, done)
  const fault = faultOf(file.path)
  if (fault === "EIO") return later(fault, () => done(errorOf("EIO", "read"), 0))
  const length = fault === "short" && bytes > sectorBytes ? Math.ceil(bytes / 2 / sectorBytes) * sectorBytes : bytes
  if (!isVolatile) return later(fault, () => read(descriptor, buffer, start, length, offset, done))
  // Medium and cache are looked at in one moment.
  later(fault, () => {
    const count = readSync(descriptor, buffer, start, length, offset)
    overlay(file.cache, buffer, start, count, offset)
    done(null, count, buffer)
  })
}

const keep = (descriptor, cache, buffer, start, bytes, offset) => {
  for (let at = 0; at < bytes; at += sectorBytes) {
    const sector = Buffer.from(buffer.subarray(start + at, start + at + sectorBytes))
    const number = (offset + at) / sectorBytes
    if (roll(writtenAtOnce) === 0) {
      writeSync(descriptor, sector, 0, sectorBytes, number * sectorBytes)
      cache.delete(number)
    } else cache.set(number, sector)
  }
}

fs.write = (descriptor, buffer, start, bytes, offset, done) => {
  const file = opened.get(descriptor)
  if (file === undefined) return write(descriptor, buffer, start, bytes, offset, done)
  const fault = faultOf(file.path)
  if (fault === "EIO" || fault === "ENOSPC") return later(fault, () => done(errorOf(fault, "write"), 0))
  const length = fault === "short" && bytes > sectorBytes ? Math.ceil(bytes / 2 / sectorBytes) * sectorBytes : bytes
  const isInside =
    offset % sectorBytes === 0 && length % sectorBytes === 0 && offset + length <= fstatSync(descriptor).size
  if (!isVolatile || file.isSync || !isInside) {
    for (let at = 0; at < length; at += sectorBytes) file.cache.delete((offset + at) / sectorBytes)
    return later(fault, () => write(descriptor, buffer, start, length, offset, done))
  }
  // The order of two operations is that of their beginnings, as it is for a kernel's cache.
  keep(descriptor, file.cache, buffer, start, length, offset)
  later(fault, () => done(null, length, buffer))
}

fs.fdatasync = (descriptor, done) => {
  const file = opened.get(descriptor)
  if (file === undefined) return fdatasync(descriptor, done)
  const fault = faultOf(file.path)
  if (fault === "EIO" || fault === "sync") return later(fault, () => done(errorOf("EIO", "fdatasync")))
  later(fault, () => {
    for (const [number, sector] of file.cache) writeSync(descriptor, sector, 0, sectorBytes, number * sectorBytes)
    file.cache.clear()
    fdatasync(descriptor, done)
  })
}

// An orderly end leaves the cache to the machine, which goes on.
process.once("exit", () => {
  for (const [path, cache] of caches) {
    if (cache.size === 0) continue
    const descriptor = fs.openSync(path, "r+")
    for (const [number, sector] of cache) writeSync(descriptor, sector, 0, sectorBytes, number * sectorBytes)
    fs.closeSync(descriptor)
  }
})
syncBuiltinESMExports()
