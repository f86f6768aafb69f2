/** Cells of the console's tables, by what a reader goes by: the name of the row, and the head of the column. */
import type { Locator } from "playwright-core"

/** The text of a cell; undefined while there is no such row or column. */
export const tableCell = async (table: Locator, row: string | RegExp, column: string): Promise<string | undefined> => {
  const heads = await table.getByRole("columnheader").allInnerTexts()
  const index = heads.findIndex((head) => head.replace(/[^\w ]/gu, "").trim() === column)
  const cells = await table.getByRole("row", { name: row }).first().getByRole("cell").allInnerTexts()
  return index < 0 ? undefined : cells[index]
}

/** The number that a cell shows, without its unit; undefined where it shows none. */
export const numberIn = (text: string | undefined): number | undefined => {
  const found = /^[\d.,]+/u.exec(text ?? "")?.[0]
  return found === undefined ? undefined : Number(found.replaceAll(",", ""))
}
