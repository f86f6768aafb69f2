/** Where the page shows what an object is now. */
import { linkTo } from "../../route.ts"
import { lunOf, objectName } from "./object-name.ts"

/** Its page, if objects of this kind have one. Whether it is still there, that page says. */
export const liveAddress = (text: string): string | undefined => {
  const { kind, name } = objectName(text)
  switch (kind) {
    case "target":
      return linkTo.target(name)
    case "lun": {
      const lun = lunOf(name)
      return lun === undefined ? undefined : linkTo.lun(lun.target, lun.lun)
    }
    case "bdev":
      return linkTo.disk(name)
    case "portal-group":
      return linkTo.portalGroup(Number(name))
    case "initiator-group":
      return linkTo.initiatorGroup(Number(name))
    default:
      return undefined
  }
}
