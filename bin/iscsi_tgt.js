#!/usr/bin/env node
/** lunlog under the name and with the command line of SPDK's iSCSI target. */
import { launch } from "./launch.js"

launch("iscsi_tgt")
