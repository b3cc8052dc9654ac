/** The widget's own style, inside its shadow root. Colours and sizes are variables that a page may set on the element. */
export const css = `
:host{display:block}
:host([hidden]){display:none}
.fn{all:initial;box-sizing:border-box;
--paper:var(--footnote-paper,light-dark(#fffefb,#1b1a18));--ink:var(--footnote-ink,light-dark(#1f1d1a,#ece8e1));
--soft:var(--footnote-soft,light-dark(#6b655c,#a69f94));--line:var(--footnote-line,light-dark(#e6e1d7,#37342f));
--wash:var(--footnote-wash,light-dark(#f6f3ec,#25231f));--accent:var(--footnote-accent,light-dark(#a8351f,#f0907a));
--on-accent:var(--footnote-on-accent,light-dark(#fff,#1b1a18));--mark:var(--footnote-mark,light-dark(#fbe6a2,#5c4a12));
--radius:var(--footnote-radius,14px);--font:var(--footnote-font,ui-sans-serif,system-ui,-apple-system,"Segoe UI",Roboto,sans-serif);
display:flex;flex-direction:column;height:100%;min-height:0;background:var(--paper);color:var(--ink);
font:400 15px/1.6 var(--font);text-align:start;overflow-wrap:anywhere;color-scheme:inherit}
.fn *,.fn *::before{box-sizing:border-box}
.fn[dir=rtl]{direction:rtl}
header{display:flex;align-items:center;gap:8px;padding:12px 10px 12px 18px;border-bottom:1px solid var(--line)}
header h2{flex:1;margin:0;font:600 15px/1.3 var(--font);letter-spacing:-.01em}
header h2 sup{color:var(--accent);font-size:.7em;margin-inline-start:1px}
button{font:inherit;color:inherit;background:none;border:0;padding:0;cursor:pointer;border-radius:8px}
button:focus-visible,a:focus-visible{outline:2px solid var(--accent);outline-offset:2px}
svg{width:18px;height:18px;fill:none;stroke:currentColor;stroke-width:1.7;stroke-linecap:round;stroke-linejoin:round;display:block}
.tool{width:32px;height:32px;display:grid;place-items:center;color:var(--soft)}
.tool:hover{background:var(--wash);color:var(--ink)}
.tool[aria-pressed=true]{color:var(--accent)}
.scroll{flex:1;min-height:0;overflow-y:auto;overscroll-behavior:contain;padding:20px 18px 8px}
.scroll:focus-visible{outline:2px solid var(--accent);outline-offset:-2px}
ol.turns{list-style:none;margin:0 auto;padding:0;max-width:720px;display:flex;flex-direction:column;gap:26px}
.question{margin:0 0 14px;padding:9px 14px;background:var(--wash);border-radius:var(--radius);width:fit-content;max-width:88%;
margin-inline-start:auto;white-space:pre-wrap}
.vh{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%);white-space:nowrap}
.body>*:first-child{margin-top:0}.body>*:last-child{margin-bottom:0}
.body p,.body ul,.body ol,.body table,.body pre,.body blockquote{margin:0 0 .8em}
.body ul,.body ol{padding-inline-start:1.4em}
.body h1,.body h2,.body h3,.body h4{font:600 1em/1.4 var(--font);margin:1em 0 .4em}
.body code{font:.88em ui-monospace,Menlo,monospace;background:var(--wash);padding:.1em .35em;border-radius:5px}
.body pre{background:var(--wash);padding:12px 14px;border-radius:10px;overflow-x:auto}.body pre code{padding:0;background:none}
.body table{border-collapse:collapse;display:block;overflow-x:auto}.body th,.body td{border:1px solid var(--line);padding:4px 9px;text-align:start}
.body a{color:var(--accent)}
.body blockquote{border-inline-start:3px solid var(--line);padding-inline-start:12px;color:var(--soft)}
.cite{font:600 11px/1 var(--font);vertical-align:.42em;color:var(--accent);min-width:24px;min-height:24px;margin:-8px -4px;padding:0 4px;
font-variant-numeric:tabular-nums;text-align:center}
.cite:hover,.cite[aria-expanded=true]{background:var(--accent);color:var(--on-accent);border-radius:6px}
.doubt{text-decoration:underline dotted 2px var(--accent);text-underline-offset:4px;cursor:help}
.doubt.partly{text-decoration-color:var(--soft)}
.status{color:var(--soft);display:flex;align-items:center;gap:9px}
.status::before{content:"";width:7px;height:7px;border-radius:50%;background:var(--accent);animation:fn-beat 1.1s ease-in-out infinite}
@keyframes fn-beat{50%{opacity:.25;transform:scale(.7)}}
.refused{border:1px solid var(--line);border-inline-start:3px solid var(--soft);border-radius:10px;padding:12px 15px}
.refused strong{display:block;font-weight:600;margin-bottom:2px}
.failed{border:1px solid var(--accent);border-radius:10px;padding:11px 14px;margin-top:10px;display:flex;gap:12px;align-items:center;flex-wrap:wrap}
.failed span{flex:1;min-width:12em}.failed small{color:var(--soft);display:block;font-size:12px}
.pill{border:1px solid var(--line);border-radius:99px;padding:5px 13px;background:var(--paper)}
.pill:hover{border-color:var(--accent);color:var(--accent)}
.list{display:flex;flex-direction:column;margin:12px 0 0;padding:0;list-style:none;border-top:1px solid var(--line)}
.list button,.list a{display:flex;width:100%;gap:9px;align-items:baseline;text-align:start;padding:7px 4px;font-size:13px;line-height:1.45;
color:var(--soft);border-bottom:1px solid var(--line);border-radius:0;text-decoration:none}
.list button:hover,.list a:hover{color:var(--ink);background:var(--wash)}
.list b{color:var(--accent);font-weight:600;min-width:1.3em;font-variant-numeric:tabular-nums}
.list span{color:var(--ink)}
.tools{display:flex;gap:2px;margin:8px 0 0 -7px;align-items:center;font-size:12px;color:var(--soft)}
.tools svg{width:16px;height:16px}
.starters{display:flex;flex-wrap:wrap;gap:8px;margin-top:16px}
.starters .pill{text-align:start;font-size:14px}
.hello{max-width:720px;margin:auto;padding:9vh 0 20px;width:100%}
.hello h3{font:500 26px/1.25 ui-serif,"Iowan Old Style",Charter,Georgia,serif;letter-spacing:-.015em;margin:0 0 6px}
.hello h3 sup{color:var(--accent);font-size:.55em}
.hello p{margin:0;color:var(--soft)}
form{padding:10px 18px 8px;max-width:756px;width:100%;margin:0 auto}
.box{display:flex;align-items:flex-end;gap:6px;border:1px solid var(--line);border-radius:var(--radius);padding:7px 7px 7px 15px;background:var(--paper);
box-shadow:0 1px 2px rgb(0 0 0/.05)}
.box:focus-within{border-color:var(--accent);box-shadow:0 0 0 1px var(--accent)}
textarea{all:unset;flex:1;font:inherit;min-height:24px;max-height:180px;padding:4px 0;white-space:pre-wrap;overflow-y:auto;cursor:text;field-sizing:content}
textarea::placeholder{color:var(--soft);opacity:1}
.go{width:34px;height:34px;display:grid;place-items:center;border-radius:10px;background:var(--accent);color:var(--on-accent);flex:none}
.go:disabled{background:var(--line);color:var(--soft);cursor:default}
.notice{margin:0;padding:0 18px 12px;text-align:center;font-size:12px;line-height:1.4;color:var(--soft)}
.card{all:revert;position:fixed;inset:auto;margin:0;padding:0;border:1px solid var(--line);border-radius:12px;background:var(--paper);color:var(--ink);
width:min(400px,calc(100vw - 24px));box-shadow:0 10px 34px rgb(0 0 0/.16);font:400 14px/1.55 var(--font);text-align:start;overflow:hidden}
.card header{display:block;padding:12px 16px 10px;border-bottom:1px solid var(--line)}
.card header b{display:block;font-weight:600}.card header small{color:var(--soft);font-size:12.5px}
.card blockquote{margin:0;padding:12px 16px;max-height:210px;overflow-y:auto;white-space:pre-wrap;font-size:13.5px;color:var(--soft)}
.card mark{background:var(--mark);color:var(--ink);border-radius:3px;padding:1px 0}
.card footer{padding:9px 16px;border-top:1px solid var(--line);font-size:13px}
.card a{color:var(--accent);font-weight:600;text-decoration:none}.card a:hover{text-decoration:underline}
.launch{position:fixed;inset-block-end:22px;inset-inline-end:22px;width:56px;height:56px;border-radius:50%;background:var(--accent);color:var(--on-accent);
display:grid;place-items:center;box-shadow:0 6px 22px rgb(0 0 0/.24);z-index:2147483000}
.launch svg{width:25px;height:25px}
.floating{position:fixed;inset-block-end:90px;inset-inline-end:22px;width:min(410px,calc(100vw - 32px));height:min(640px,calc(100dvh - 120px));
border:1px solid var(--line);border-radius:18px;overflow:hidden;box-shadow:0 18px 60px rgb(0 0 0/.24);z-index:2147483000}
.sidebar{inset-block:0;inset-inline-end:0;height:100dvh;border-radius:0;border-width:0 0 0 1px}
.shut{display:none!important}
.launcher-only{all:initial;color-scheme:inherit}
@media (max-width:520px){.floating{inset:0;width:100%;height:100dvh;border-radius:0;border:0;padding-block:env(safe-area-inset-top) env(safe-area-inset-bottom)}}
@media (prefers-reduced-motion:reduce){.status::before{animation:none}}
@media (forced-colors:active){.cite,.go,.launch{border:1px solid}.doubt{text-decoration-color:LinkText}}
`;
