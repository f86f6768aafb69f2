/** The head of a page, cards on it, and facts in them. */
import type { ComponentChildren } from "preact"
import { useEffect } from "preact/hooks"

/** Heading, what it is part of, and what can be done. The browser's title follows. */
export const Page = (props: {
  readonly title: string
  /** Where the page is among the others, as links. */
  readonly trail?: ComponentChildren
  readonly actions?: ComponentChildren
  readonly children: ComponentChildren
}) => {
  const { actions, children, title, trail } = props
  useEffect(() => {
    document.title = `${title} – lunlog`
  }, [title])
  return (
    <div class="page">
      <div class="page-head">
        {trail === undefined ? null : <p class="trail">{trail}</p>}
        <h1 id="page-title" tabIndex={-1}>
          {title}
        </h1>
        {actions === undefined ? null : <div class="actions">{actions}</div>}
      </div>
      {children}
    </div>
  )
}

/** A part of a page, with a heading. */
export const Card = (props: {
  readonly title: string
  readonly aside?: ComponentChildren
  readonly children: ComponentChildren
}) => (
  <section class="card" aria-label={props.title}>
    <div class="card-head">
      <h2>{props.title}</h2>
      {props.aside}
    </div>
    {props.children}
  </section>
)

/** Names with their values; those without one are left out. */
export const Facts = (props: { readonly of: ReadonlyArray<readonly [name: string, value: ComponentChildren]> }) => (
  <dl class="facts">
    {props.of
      .filter(([, value]) => value !== undefined && value !== null && value !== "")
      .flatMap(([name, value]) => [<dt key={`${name} name`}>{name}</dt>, <dd key={name}>{value}</dd>])}
  </dl>
)

/** A number that is read from afar. */
export const Figure = ({ name, value }: { readonly name: string; readonly value: ComponentChildren }) => (
  <div>
    <span class="figure-value">{value}</span>
    <span class="figure-name">{name}</span>
  </div>
)
