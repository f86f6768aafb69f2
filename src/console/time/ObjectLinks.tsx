/** From an object's name to what it is now, and to its history. */
import { linkTo } from "../route.ts"
import { liveAddress } from "./model/object-address.ts"
import { objectWords } from "./model/object-name.ts"

/** Two small links behind a name. */
export const ObjectLinks = ({ about }: { readonly about: string }) => {
  const live = liveAddress(about)
  const words = objectWords(about)
  return (
    <span class="object-links nowrap">
      {live === undefined ? null : (
        <a href={live} aria-label={`${words} as it is now`}>
          Now
        </a>
      )}{" "}
      <a href={linkTo.log({ object: about })} aria-label={`History of ${words}`}>
        History
      </a>
    </span>
  )
}
