/** A name of which the end is shown where there is no room: that is where names of one site differ. */

/** Stands in an element with the class `start-cut`, which is as wide as there is room. */
export const EndShown = ({ children }: { readonly children: string }) => <bdi dir="ltr">{children}</bdi>
