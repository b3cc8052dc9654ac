// Builds app/widget/widget.js from src. The same sources give the same bytes; `--check` compares instead.
import { readFileSync } from "node:fs";
import { build, transform } from "esbuild";

const outfile = new URL("../app/widget/widget.js", import.meta.url).pathname;
const check = process.argv.includes("--check");

const styles = {
  name: "styles as minified text",
  setup({ onLoad }) {
    onLoad({ filter: /\.css$/ }, async ({ path }) => {
      const { code } = await transform(readFileSync(path, "utf8"), { loader: "css", minify: true });
      return { contents: code.trim(), loader: "text" };
    });
  },
};

const result = await build({
  absWorkingDir: new URL(".", import.meta.url).pathname,
  entryPoints: ["src/index.ts"],
  bundle: true,
  minify: true,
  format: "iife",
  target: "es2022",
  charset: "utf8",
  legalComments: "none",
  drop: ["console"],
  loader: { ".txt": "text" },
  plugins: [styles],
  outfile,
  write: !check,
});
if (check && result.outputFiles[0].text !== readFileSync(outfile, "utf8")) {
  console.error("app/widget/widget.js is not what src builds: run `npm run build` in widget/.");
  process.exit(1);
}
