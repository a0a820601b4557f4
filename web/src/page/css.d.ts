/** Style sheets are taken by the bundler; to the types they are nothing. */
declare module '*.css'
