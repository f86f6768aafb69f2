/**
 * How much memory the data plane may take, and what has it. What is beyond the limit is refused, with the answer that
 * its protocol has for that, before the operating system ends the process.
 *
 * One budget for all reactors: its counters are in shared memory, in one row for each of them, so that what a reactor
 * had can be given back when it has crashed. It counts pages of 4 KiB, so that 32 bits are enough for 8 TiB; an
 * allocation counts as whole pages. Who reuses memory takes it once, when it is allocated, and gives it when it is
 * dropped: a budget costs nothing per command.
 */

/** What memory is taken for. */
export const memoryPurposes = ["connections", "commands", "output", "disks"] as const
/** One of them. */
export type MemoryPurpose = (typeof memoryPurposes)[number]

/** What one purpose has, in bytes. */
export interface MemoryAccount {
  /** False: not that much is left for the purpose, and nothing was taken. */
  readonly take: (bytes: number) => boolean
  /** For what has begun and must be brought to its end: may go beyond the limit. */
  readonly takeAnyway: (bytes: number) => void
  /** Gives back what was taken, in the same pieces. */
  readonly give: (bytes: number) => void
  /** What this reactor has for the purpose. */
  readonly used: number
  /** What all may have together, up to which there is something for this purpose. */
  readonly limit: number
  /** What is left for it. */
  readonly left: number
}

/** All of a budget at one moment, in bytes. */
export interface MemoryReport {
  readonly limit: number
  readonly used: number
  /** By purpose, over all reactors. */
  readonly usedFor: Readonly<Record<MemoryPurpose, number>>
}

const pageBytes = 4096
/** Reactors that one budget may have. */
const rowsMax = 129
/** Kept free of disks, in bytes, or a quarter of what there is: so much IO needs at least. */
const reserveBytesMax = 256 * 1024 * 1024

const limitCell = 0
const usedCell = 1
const firstRowCell = 2
/** So that what goes beyond the limit still fits in 32 bits. */
const pagesMax = 2 ** 31 - 2 ** 20

const pagesOf = (bytes: number): number => Math.ceil(bytes / pageBytes)

/**
 * Up to which use of the whole there is something for a purpose. Disks leave room for the IO to them, commands for
 * their answers and for logins.
 */
const ceilingOf = (purpose: MemoryPurpose, limitPages: number): number => {
  const reserve = Math.min(pagesOf(reserveBytesMax), Math.floor(limitPages / 4))
  if (purpose === "disks") return limitPages - reserve
  return purpose === "commands" ? limitPages - Math.floor(reserve / 4) : limitPages
}

class Account implements MemoryAccount {
  readonly #cells: Int32Array
  readonly #cell: number
  readonly #ceiling: number

  constructor(cells: Int32Array, cell: number, ceiling: number) {
    this.#cells = cells
    this.#cell = cell
    this.#ceiling = ceiling
  }

  get used(): number {
    return Atomics.load(this.#cells, this.#cell) * pageBytes
  }

  get limit(): number {
    return this.#ceiling * pageBytes
  }

  get left(): number {
    return Math.max(0, this.#ceiling - Atomics.load(this.#cells, usedCell)) * pageBytes
  }

  take(bytes: number): boolean {
    const pages = pagesOf(bytes)
    let used = Atomics.load(this.#cells, usedCell)
    while (used + pages <= this.#ceiling) {
      const found = Atomics.compareExchange(this.#cells, usedCell, used, used + pages)
      if (found === used) {
        Atomics.add(this.#cells, this.#cell, pages)
        return true
      }
      used = found
    }
    return false
  }

  takeAnyway(bytes: number): void {
    const pages = pagesOf(bytes)
    Atomics.add(this.#cells, usedCell, pages)
    Atomics.add(this.#cells, this.#cell, pages)
  }

  give(bytes: number): void {
    const pages = pagesOf(bytes)
    Atomics.sub(this.#cells, this.#cell, pages)
    Atomics.sub(this.#cells, usedCell, pages)
  }
}

/** The budget, as one reactor sees it. */
export class MemoryBudget {
  /** What other reactors are given, to draw on the same budget. */
  readonly shared: SharedArrayBuffer
  readonly #cells: Int32Array
  readonly #row: number

  /** `row` is the reactor's own number, from 0 on; see `sized` for a new budget. */
  constructor(shared: SharedArrayBuffer, row = 0) {
    if (!Number.isInteger(row) || row < 0 || row >= rowsMax) {
      throw new RangeError(`a budget of memory has ${rowsMax} rows, and none with the number ${row}`)
    }
    this.shared = shared
    this.#cells = new Int32Array(shared)
    this.#row = row
  }

  /** A new one, of so many bytes. What is more than 8 TiB counts as that. */
  static sized(limitBytes: number): MemoryBudget {
    const cells = firstRowCell + rowsMax * memoryPurposes.length
    const budget = new MemoryBudget(new SharedArrayBuffer(cells * Int32Array.BYTES_PER_ELEMENT))
    budget.#cells[limitCell] = Math.min(Math.floor(limitBytes / pageBytes), pagesMax)
    return budget
  }

  /** What all may have, in bytes. */
  get limit(): number {
    return (this.#cells[limitCell] ?? 0) * pageBytes
  }

  /** What all have, in bytes. */
  get used(): number {
    return Atomics.load(this.#cells, usedCell) * pageBytes
  }

  /** What this reactor takes for a purpose, and gives back. */
  account(purpose: MemoryPurpose): MemoryAccount {
    const cell = this.#cellOf(this.#row, purpose)
    return new Account(this.#cells, cell, ceilingOf(purpose, this.#cells[limitCell] ?? 0))
  }

  /** A reactor is no more, with all that it had. */
  forget(row: number): void {
    for (const purpose of memoryPurposes) {
      const pages = Atomics.exchange(this.#cells, this.#cellOf(row, purpose), 0)
      Atomics.sub(this.#cells, usedCell, pages)
    }
  }

  /** Who has what. */
  report(): MemoryReport {
    const usedBy = (purpose: MemoryPurpose): number => {
      let pages = 0
      for (let row = 0; row < rowsMax; row++) pages += Atomics.load(this.#cells, this.#cellOf(row, purpose))
      return pages * pageBytes
    }
    return {
      limit: this.limit,
      used: this.used,
      usedFor: {
        connections: usedBy("connections"),
        commands: usedBy("commands"),
        output: usedBy("output"),
        disks: usedBy("disks")
      }
    }
  }

  #cellOf(row: number, purpose: MemoryPurpose): number {
    return firstRowCell + row * memoryPurposes.length + memoryPurposes.indexOf(purpose)
  }
}
