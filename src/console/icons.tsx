/** Icons: 24 by 24, drawn with lines, always beside words. */
import type { ComponentChildren } from "preact"

const Icon = ({ children }: { readonly children: ComponentChildren }) => (
  <svg
    viewBox="0 0 24 24"
    fill="none"
    stroke="currentColor"
    stroke-width="1.8"
    stroke-linecap="round"
    stroke-linejoin="round"
    aria-hidden="true"
  >
    {children}
  </svg>
)

/** Three layers: the records of a log. */
export const BrandIcon = () => (
  <svg viewBox="0 0 32 32" fill="currentColor" aria-hidden="true">
    <rect x="3" y="5" width="26" height="6" rx="2" />
    <rect x="3" y="13" width="26" height="6" rx="2" opacity=".7" />
    <rect x="3" y="21" width="16" height="6" rx="2" opacity=".45" />
  </svg>
)

/** A dial. */
export const OverviewIcon = () => (
  <Icon>
    <path d="M4 18a8.5 8.5 0 1 1 16 0M12 15l4-5" />
  </Icon>
)

/** A tree. */
export const TopologyIcon = () => (
  <Icon>
    <path d="M12 8v4M6 16v-2q0-2 2-2h8q2 0 2 2v2" />
    <rect x="9" y="3" width="6" height="5" rx="1" />
    <rect x="3" y="16" width="6" height="5" rx="1" />
    <rect x="15" y="16" width="6" height="5" rx="1" />
  </Icon>
)

/** Stacked units. */
export const LunsIcon = () => (
  <Icon>
    <rect x="4" y="4" width="16" height="6" rx="1.5" />
    <rect x="4" y="14" width="16" height="6" rx="1.5" />
    <path d="M8 7h.01M8 17h.01" />
  </Icon>
)

/** Two ends of a connection. */
export const SessionsIcon = () => (
  <Icon>
    <path d="M8 7h11l-3-3M16 17H5l3 3" />
  </Icon>
)

/** A drum. */
export const DisksIcon = () => (
  <Icon>
    <ellipse cx="12" cy="6" rx="7" ry="3" />
    <path d="M5 6v12q0 3 7 3t7-3V6M5 12q0 3 7 3t7-3" />
  </Icon>
)

/** A list with times. */
export const LogIcon = () => (
  <Icon>
    <path d="M5 6h.01M5 12h.01M5 18h.01M9 6h11M9 12h11M9 18h7" />
  </Icon>
)

/** Sun and moon. */
export const ThemeIcon = () => (
  <Icon>
    <circle cx="12" cy="12" r="8.5" />
    <path d="M12 3.5v17a8.5 8.5 0 0 0 0-17z" fill="currentColor" />
  </Icon>
)
