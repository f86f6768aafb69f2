/** Stands before the words of a record that says that something went wrong. */

/** A cross, and its name for those who do not see it. */
export const TroubleSign = () => (
  <span class="trouble-sign" role="img" aria-label="Trouble:" title="Something went wrong">
    ✖
  </span>
)
