// Builds app/widget/widget.js from src. The same sources give the same bytes; `--check` compares instead.
import { readFileSync } from "node:fs";
import { build } from "esbuild";

const outfile = new URL("../app/widget/widget.js", import.meta.url).pathname;
const result = await build({
  absWorkingDir: new URL(".", import.meta.url).pathname,
  entryPoints: ["src/index.ts"],
  bundle: true,
  minify: true,
  format: "iife",
  target: "es2022",
  charset: "utf8",
  legalComments: "none",
  outfile,
  write: !process.argv.includes("--check"),
});
if (process.argv.includes("--check") && result.outputFiles[0].text !== readFileSync(outfile, "utf8")) {
  console.error("app/widget/widget.js is not what src builds: run `npm run build` in widget/.");
  process.exit(1);
}
