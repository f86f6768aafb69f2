/** Version of the program; a test keeps it equal to package.json's. */

/** As `lunlog --version` prints it, without a `v`. */
export const version = "0.1.0"
