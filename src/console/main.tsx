/** The web console: puts the page together. */
import "./console.css"
import { render } from "preact"

const place = document.getElementById("console")
if (place !== null) render(<h1>lunlog</h1>, place)
