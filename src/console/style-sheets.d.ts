/** Style sheets are imported for their effect: tools/bundle-console.js gathers them. */
declare module "*.css"
