declare module "*.css" {
  const css: string;
  export default css;
}

declare module "*.txt" {
  const text: string;
  export default text;
}
