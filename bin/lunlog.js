#!/usr/bin/env node
/** The command line of lunlog. */
import { launch } from "./launch.js"

launch("lunlog")
