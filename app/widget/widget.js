"use strict";(()=>{function a(e,n={},...t){let i=document.createElement(e);for(let[o,r]of Object.entries(n))typeof r=="string"?i.setAttribute(o,r):i.addEventListener(o,r);return i.append(...t.filter(o=>!!o)),i}var m=(e,n,t={},...i)=>a("button",{class:e,type:"button",...t,click:n},...i),b=(e,n,t,i={})=>m("tool",t,{"aria-label":n,title:n,...i},w(e));function A(e,n){/^(https?|mailto):$/.test(URL.parse(n,location.href)?.protocol??"")&&(e.setAttribute("href",n),e.setAttribute("target","_blank"),e.setAttribute("rel","noopener noreferrer nofollow"))}var Q={send:"M12 19V5M5.5 11.5 12 5l6.5 6.5",stop:"M7 7h10v10H7z",close:"m6 6 12 12M18 6 6 18",reset:"M12 5v14M5 12h14",erase:"M5 7h14M10 7V4h4v3M7 7l1 13h8l1-13",again:"M4 12a8 8 0 1 0 2.5-5.8M4 4v4.5h4.5",copy:"M9 9h10v11H9zM5 15V4h10",up:"M7 11v9H4v-9zm0 0 4-8c1.7 0 2.6 1.2 2.2 3l-.7 3.5h5.3a2 2 0 0 1 2 2.4l-1.2 6.4A2 2 0 0 1 16.6 20H7",edit:"M4 20h4L19 9l-4-4L4 16zM13 7l4 4",explain:"M5 20v-6M12 20V4M19 20v-10"};function w(e){let n="http://www.w3.org/2000/svg",t=document.createElementNS(n,"svg");t.setAttribute("viewBox","0 0 24 24"),t.setAttribute("aria-hidden","true");let i=document.createElementNS(n,"path");return i.setAttribute("d",Q[e]??Q.up),t.append(i),t}var F=220,y=class{constructor(n,t,i){this.words=n;this.language=t;this.element=a("div",{class:"card",part:"card",popover:"auto",role:"dialog",tabindex:"-1"}),this.element.addEventListener("beforetoggle",o=>{o.newState!=="open"&&(this.#n?.setAttribute("aria-expanded","false"),this.element.matches(":focus-within")&&this.#n?.focus({preventScroll:!0}))}),i.append(this.element)}words;language;element;#n;get isOpen(){return this.element.matches(":popover-open")}source(n,t,i){let{words:o}=this,r=i?.evidence.page??t.page,s=[r!==void 0&&`${o.page} ${r}`,U(t)].filter(Boolean),d=[t.modified&&new Date(t.modified).toLocaleDateString(this.language,{dateStyle:"medium"}),i&&`${Math.round(i.support*100)} % ${o.support}`].filter(Boolean),c=a("a",{},r===void 0?o.openDocument:`${o.openDocument}, ${o.page} ${r}`);A(c,i?.evidence.url??t.url),this.#i(n,`${o.source} ${t.n}: ${t.label}`,this.#e(a("sup",{},String(t.n)),t.title||t.uri,s.join(" · ")||t.uri),Te(t,i),a("div",{class:"foot"},a("small",{},d.join(" · ")),c))}doubt(n,t){let i=this.words[t];this.#i(n,i,this.#e(a("sup",{},n.textContent),i,""),a("p",{},this.words[`${t}Means`]))}#e(n,t,i){return a("div",{class:"head"},n,a("div",{dir:"auto"},a("b",{},t),i&&a("small",{},i)),m("tool",()=>this.element.hidePopover(),{"aria-label":this.words.close},w("close")))}#i(n,t,...i){this.isOpen&&this.element.hidePopover(),this.#n=n,n.setAttribute("aria-expanded","true"),this.element.setAttribute("aria-label",t),this.element.replaceChildren(...i),this.element.showPopover(),this.#s(n.getBoundingClientRect()),this.element.focus({preventScroll:!0});let o=this.element.querySelector("mark");o&&(o.parentElement.scrollTop=o.offsetTop-o.parentElement.offsetTop-48)}#s(n){let{offsetWidth:t,offsetHeight:i,style:o}=this.element;o.left=`${Math.max(12,Math.min(n.left-24,innerWidth-t-12))}px`;let r=n.bottom+8+i<innerHeight;o.top=`${r?n.bottom+8:Math.max(12,n.top-i-8)}px`}};function U({headings:e,title:n}){return e.at(-1)===n?"":e.at(-1)}function Te(e,n){let t=Array.from(e.text),i=n?Math.max(0,n.evidence.start-e.start):0,o=n?Math.min(t.length,n.evidence.end-e.start):0,r=Math.max(0,i-F),s=n?Math.min(t.length,o+F):t.length,d=(c,h)=>Le(t.slice(c,h).join(""));return a("blockquote",{tabindex:"0",dir:"auto"},r>0&&"…",d(r,i),i<o&&a("mark",{},d(i,o)),d(Math.max(i,o),s),s<t.length&&"…")}function Le(e){return e.replace(/^[ |:-]*--[ |:-]*$\n?|^\| *| *\|$|\*\*|__|^#{1,6} |`/gm,"").replace(/ *\| */g," · ").replace(/\n\s*\n/g,`
`)}var G=()=>a("sup",{"aria-hidden":"true"},"1"),N=class{constructor(n,t,i){this.words=n;this.deeds=i;this.hello=a("div",{class:"hello"},a("p",{class:"title"},t.title,G()),t.intro&&a("p",{class:"intro"},G()," ",t.intro),this.#n),this.suggest(t.starters),this.#e=a("div",{class:"scroll",role:"log","aria-live":"off","aria-label":t.title,tabindex:"0"},this.hello,this.turns),this.#e.addEventListener("scroll",()=>{let{scrollHeight:o,scrollTop:r,clientHeight:s}=this.#e;this.#i=o-r-s<60},{passive:!0}),this.input=a("textarea",{rows:"1","aria-label":n.ask,placeholder:n.ask,maxlength:"8000"}),this.go=a("button",{class:"go",type:"submit"}),this.correcting=a("p",{class:"correcting",hidden:""},a("span",{},n.editing),m("pill",i.uncorrect,{},n.cancel)),this.form=a("form",{class:"ask",part:"composer"},this.correcting,a("div",{class:"box"},this.input,this.go)),this.notice.textContent=t.notice,this.launcher=m("launch",i.toggle,{"aria-label":n.open,"aria-expanded":"false","aria-haspopup":"dialog",part:"launcher"}),this.root=a(t.floating?"dialog":"section",{class:`fn ${t.classes}`,part:"frame","aria-label":t.title},a("div",{class:"bar",part:"header"},a("h2",{},t.title,G()),b("reset",n.reset,i.reset),b("erase",n.erase,i.erase),t.floating&&b("close",n.close,i.close)),this.#e,this.said,this.form,this.notice)}words;deeds;root;launcher;turns=a("ol",{class:"turns"});said=a("div",{class:"vh",role:"status"});notice=a("p",{class:"notice"});correcting;input;go;form;hello;#n=a("div",{class:"starters"});#e;#i=!0;suggest(n){this.#n.replaceChildren(...n.map(t=>m("pill",()=>this.deeds.ask(t),{dir:"auto"},t)))}ready(n){this.go.disabled=!n&&!this.input.value.trim();let t=n?"stop":"send";this.go.name!==t&&(this.go.name=t,this.go.setAttribute("aria-label",this.words[t]),this.go.replaceChildren(w(t)))}toEnd(n=!1){(n||this.#i)&&(this.#e.scrollTop=this.#e.scrollHeight)}};var T=class{constructor(n,t){this.name=n;this.days=t}name;days;load(){try{let{at:n,...t}=JSON.parse(localStorage.getItem(this.name)??"null");if(Date.now()-n<this.days*864e5&&Array.isArray(t.exchanges))return t;this.clear()}catch{}}save({conversation:n,exchanges:t}){if(!(this.days<=0))try{let i={at:Date.now(),conversation:n,exchanges:t.slice(-30)};localStorage.setItem(this.name,JSON.stringify(i))}catch{}}clear(){try{localStorage.removeItem(this.name)}catch{}}};var L=class{#n="";#e="";#i=[];*feed(n){let t=(this.#n+n).split(/\r\n|\n|\r(?!$)/);this.#n=t.pop();for(let i of t){let[,o,r]=/^(\w*):? ?(.*)$/s.exec(i)??[];o==="data"?this.#i.push(r):o==="id"?this.#e=r:!i&&this.#i.length&&(yield{id:this.#e,data:this.#i.splice(0).join(`
`)})}}};var _=class extends Error{constructor(t,i){super(t);this.request=i}request},Ie=5;async function V(e,n,t,i,o){let r=Date.now(),s=await k(e,"POST","/v1/chat",n,o);t.run=s.headers.get("x-run-id")??"",i.started(),await ee(e,s,t,i,o,r)}async function Y(e,n,t,i){let o=await k(e,"GET",`/v1/runs/${n.run}/events`,void 0,i);await ee(e,o,n,t,i,0)}var Z=(e,n)=>k(e,"POST",`/v1/runs/${n}/cancel`),J=(e,n,t,i)=>k(e,"POST","/v1/feedback",{run:n,rating:t,reason:i}),X=(e,n)=>k(e,"DELETE",`/v1/conversations/${n}`);async function ee(e,n,t,i,o,r){let s=n,d=0,c=0;for(;;){let h=d;try{for await(let{id:f,part:v}of De(s))d=f||d,Se(v,t,i,r)}catch(f){if(o.aborted)throw f}if(t.state!=="running")return;d>h&&(c=0);for(let f;!f;s=f??s){if(c===Ie||!t.run)throw new TypeError("The stream was cut.");navigator.onLine||i.status("offline"),await Ce(300*2**c),c+=1,f=await k(e,"GET",`/v1/runs/${t.run}/events?after=${d}`,void 0,o).catch(v=>{if(o.aborted||v instanceof _)throw v})}}}function Ce(e){return new Promise(n=>{let t=setTimeout(i,navigator.onLine?e:6e4);function i(){clearTimeout(t),removeEventListener("online",i),n()}addEventListener("online",i)})}async function*De(e){let n=new L,t=e.body.pipeThrough(new TextDecoderStream).getReader();for(;;){let{done:i,value:o}=await t.read();if(i)return;for(let{id:r,data:s}of n.feed(o))s!=="[DONE]"&&(yield{id:Number(r),part:JSON.parse(s)})}}function Se(e,n,t,i){let{type:o,data:r,messageMetadata:s}=e,d=c=>{i&&(n.times[c]??=Date.now()-i)};if(/^(finish|error|abort)$/.test(o)&&d("end"),/^source-/.test(o)){let{quote:c,...h}=e.providerMetadata.footnote;n.sources.push({...h,text:c}),d("sources")}else o==="start"?(Object.assign(n,{run:s.runId,notice:s.notice??"",model:s.model??""}),t.started()):o==="data-status"?t.status(r.stage):o==="text-delta"?(d("words"),n.text+=e.delta,t.text(e.delta)):o==="data-sentence"?n.sentences.push(r):o==="data-citations"?n.citations=r:o==="data-followups"?n.followups=r:o==="finish"?(n.refused=!!s?.refused,n.unsure=s?.outcome==="unsure",n.usage=s?.usage,n.state="done"):o==="error"?(n.error=e.errorText,n.state="failed"):o==="abort"&&(n.state=e.reason==="user"?"stopped":"failed")}async function k(e,n,t,i,o){let r={};i&&(r["content-type"]="application/json"),e.key&&(r.authorization=`Bearer ${e.key}`);let s=await fetch(e.api+t,{method:n,headers:r,signal:o??null,body:i?JSON.stringify(i):null});if(s.ok)return s;let d=await s.json().catch(()=>({}));throw new _(d.detail??d.title??"",s.headers.get("x-request-id")??"")}var te=':host{display:block}:host([mode]:not([mode="inline"])){display:contents!important;visibility:visible!important}:host([hidden]){display:none!important}:host([theme="dark"]){color-scheme:dark}:host([theme="light"]){color-scheme:light}:host([theme="auto"]){color-scheme:light dark}[hidden]{display:none!important}.fn,.launch{all:initial;--paper: var(--footnote-paper, light-dark(#fffefc, #191816));--wash: var(--footnote-wash, light-dark(#f6f3ee, #24221f));--line: var(--footnote-line, light-dark(#e6e1d8, #38342f));--ink: var(--footnote-ink, light-dark(#1e1b18, #ece8e1));--soft: var(--footnote-soft, light-dark(#665f56, #a9a196));--accent: var(--footnote-accent, light-dark(#a3341d, #f2937a));--on-accent: var(--footnote-on-accent, light-dark(#fff, #231a17));--tint: color-mix(in srgb, var(--accent) 9%, var(--paper));--mark: var(--footnote-mark, light-dark(#fbe7a8, #584717));--radius: var(--footnote-radius, 14px);--shade: var(--footnote-shadow, 0 1px 2px rgb(0 0 0 / .05), 0 12px 40px rgb(30 20 10 / .16));--font: var(--footnote-font, -apple-system, BlinkMacSystemFont, "Segoe UI", Roboto, "Noto Sans", "Helvetica Neue", Arial, sans-serif);--serif: var(--footnote-serif, "Iowan Old Style", Charter, "Source Serif 4", "Noto Serif", Georgia, serif);box-sizing:border-box;color:var(--ink);color-scheme:inherit;font:400 15px/1.6 var(--font);overflow-wrap:anywhere;text-align:start}.fn{display:flex;flex-direction:column;position:relative;width:100%;height:100%;min-height:0;background:var(--paper)}.fn[dir=rtl],.launch[dir=rtl]{direction:rtl}.fn *,.fn :before{box-sizing:border-box}.fn :is(h2,h3,p,ul,ol,fieldset){margin:0;padding:0;border:0}.vh,.headless .bar>h2{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%);white-space:nowrap}button{font:inherit;color:inherit;background:none;border:0;padding:0;cursor:pointer;border-radius:8px;text-align:inherit}:is(button,a,input,blockquote):focus-visible{outline:2px solid var(--accent);outline-offset:1px}svg{width:18px;height:18px;fill:none;stroke:currentColor;stroke-width:1.6;stroke-linecap:round;stroke-linejoin:round;display:block}sup{font-size:.62em;line-height:0;color:var(--accent);vertical-align:.55em;font-weight:600;font-variant-numeric:lining-nums tabular-nums}.tool{flex:none;width:32px;height:32px;display:grid;place-items:center;color:var(--soft)}.tool:hover{background:var(--wash);color:var(--ink)}.tool[aria-pressed=true]{color:var(--accent);background:var(--tint)}.pill{border:1px solid var(--line);border-radius:99px;padding:5px 14px;font-size:14px;line-height:1.45;background:var(--paper);text-align:start}.pill:hover{border-color:var(--accent);color:var(--accent)}.pill[aria-pressed=true]{border-color:var(--accent);background:var(--tint);color:var(--accent)}.bar{display:flex;align-items:center;gap:2px;padding:10px;padding-inline-start:20px;border-bottom:1px solid var(--line)}.bar h2{flex:1;font:600 16px/1.3 var(--serif);letter-spacing:-.01em}.headless .bar{position:absolute;padding:0;border:0}.headless .bar>.tool{display:none}.scroll{flex:1;min-height:0;overflow-y:auto;overscroll-behavior:contain;padding:22px 20px 12px;display:flex;flex-direction:column}.scroll:focus-visible{outline:2px solid var(--accent);outline-offset:-3px}.turns{list-style:none;width:100%;max-width:740px;margin-inline:auto!important;display:flex;flex-direction:column;gap:34px}.asked{display:flex;justify-content:flex-end;align-items:center;gap:4px;margin-bottom:14px}.fn .question{padding:9px 15px;background:var(--wash);border-radius:var(--radius);border-end-end-radius:4px;max-width:88%;white-space:pre-wrap}.asked .tool{opacity:0}li:is(:hover,:focus-within)>.asked .tool,.tool:focus-visible{opacity:1}li:not(:last-child) .last{display:none}.body>:last-child{margin-bottom:0!important}.body :is(p,ul,ol,table,pre,blockquote){margin:0 0 .75em!important}.body :is(ul,ol){padding-inline-start:1.45em!important}.body li{margin:.2em 0}.body h3{font:600 1.03em/1.4 var(--font);margin:1.1em 0 .4em!important}.body>:first-child{margin-top:0!important}.body code{font:.88em/1.5 ui-monospace,SF Mono,Menlo,Consolas,monospace;background:var(--wash);padding:.12em .36em;border-radius:5px}.body pre{background:var(--wash);padding:12px 14px!important;border-radius:10px;overflow-x:auto}.body pre code{padding:0;background:none}.body table{border-collapse:collapse;display:block;overflow-x:auto;font-size:.95em}.body :is(th,td){border-bottom:1px solid var(--line);padding:5px 14px 5px 0;text-align:start;vertical-align:top}.body th{font-weight:600;color:var(--soft);font-size:.92em}.body hr{border:0;border-top:1px solid var(--line);margin:1em 0}.body a{color:var(--accent);text-underline-offset:2px}.body blockquote{border-inline-start:2px solid var(--line);padding-inline-start:14px;color:var(--soft)}.cite{font:600 11px/24px var(--font);height:24px;min-width:24px;margin:-8px -5px -8px -6px;padding:0 4px;text-align:center;vertical-align:.38em;color:var(--accent);font-variant-numeric:lining-nums tabular-nums;position:relative}.cite:before{content:"";position:absolute;inset:4px;border-radius:5px;z-index:-1}.body,.notes{position:relative;z-index:0}.cite:is(:hover,[aria-expanded=true]):before{background:color-mix(in srgb,var(--accent) 18%,var(--paper))}.dagger{color:var(--soft);font-size:13px}.doubt{text-decoration:underline dotted 1.5px var(--accent);text-underline-offset:4px;text-decoration-skip-ink:none}.doubt.partly{text-decoration-color:var(--soft)}.status{color:var(--soft);display:flex;align-items:center;gap:10px}.status:before{content:"1";font:600 11px/1 var(--font);color:var(--accent);translate:0 -.35em;animation:beat 1.2s ease-in-out infinite}@keyframes beat{50%{opacity:.15}}.stopped{color:var(--soft);font-size:13.5px;margin-top:6px!important}.unsure{border-inline-start:2px dotted var(--soft);padding-inline-start:14px}.refused{color:var(--ink);border:1px solid var(--line);border-radius:var(--radius);background:var(--wash);padding:14px 18px}.label{display:block;font:600 16px/1.4 var(--serif);margin-bottom:2px}.failed{border:1px solid color-mix(in srgb,var(--accent) 45%,var(--paper));background:var(--tint);border-radius:var(--radius);padding:12px 16px;margin-top:10px;display:flex;gap:14px;align-items:center;flex-wrap:wrap}.failed p{flex:1 1 14em}.failed small{color:var(--soft);display:block;font:12px/1.5 ui-monospace,Menlo,monospace}.notes{margin-top:16px;font-size:13.5px;line-height:1.5}.notes:before{content:"";display:block;width:56px;border-top:1px solid var(--soft);opacity:.6;margin-bottom:7px}.notes h3{font:600 13px/1.5 var(--font);color:var(--soft)}.notes ul{list-style:none}.notes button{display:flex;gap:7px;width:calc(100% + 12px);margin-inline:-6px;padding:3px 6px;min-height:26px;color:var(--soft);border-radius:6px}.notes button:hover{background:var(--wash);color:var(--ink)}.notes sup{font-size:11px;line-height:1.2;vertical-align:top;min-width:.9em}.notes b{color:var(--ink);font-weight:500;margin-inline-end:2px}.tools{display:flex;gap:2px;margin:8px -7px 0;align-items:center;font-size:13px;color:var(--soft)}.tools svg{width:16px;height:16px}.down svg{rotate:180deg}.tools [role]{margin-inline-start:6px}.why{padding:14px 16px;margin-top:8px;border:1px solid var(--line);border-radius:var(--radius)}.why legend{font-weight:600;padding:0;margin-bottom:10px}.why .box{margin-top:12px}.starters{display:flex;flex-wrap:wrap;gap:8px}li>div>.starters{margin-top:12px}.hello{width:100%;max-width:740px;margin:auto;padding:12px 0 5vh}.title{font:500 30px/1.2 var(--serif);letter-spacing:-.018em;text-wrap:balance}.title sup{font-size:.48em;vertical-align:.85em;margin-inline-start:2px}.hello .starters{margin-top:26px;display:grid;grid-template-columns:repeat(auto-fill,minmax(min(260px,100%),1fr));gap:10px}.hello .pill{border-radius:var(--radius);padding:12px 16px;font-size:14.5px}.fn .intro{color:var(--soft);font-size:14px;margin-top:20px;max-width:56ch}.intro:before{content:"";display:block;width:56px;border-top:1px solid var(--soft);opacity:.6;margin-bottom:9px}.intro sup{font-size:.75em;vertical-align:.4em}.ask{padding:6px 20px 8px;max-width:780px;width:100%;margin:0 auto}.box{display:flex;align-items:flex-end;gap:8px;border:1px solid var(--line);border-radius:var(--radius);padding:7px;padding-inline-start:16px;background:var(--paper)}.ask .box{box-shadow:0 1px 2px #0000000d,0 4px 16px #1e140a0d}.box:focus-within{border-color:var(--soft);box-shadow:0 0 0 3px color-mix(in srgb,var(--soft) 16%,transparent)}.box :is(textarea,input){all:unset;flex:1;min-width:0;font:inherit;color:inherit;min-height:24px;max-height:180px;padding:5px 0;white-space:pre-wrap;overflow-wrap:anywhere;overflow-y:auto;cursor:text;field-sizing:content}.box ::placeholder{color:var(--soft);opacity:1}.go{width:36px;height:36px;display:grid;place-items:center;border-radius:10px;background:var(--accent);color:var(--on-accent);flex:none}.go:disabled{background:var(--wash);color:var(--soft);cursor:default}.go[name=stop] svg{fill:currentColor}.correcting{display:flex;align-items:center;justify-content:space-between;gap:10px;font-size:13.5px;color:var(--soft);padding:0 4px 8px!important}.fn .notice{padding:0 20px 12px;text-align:center;font-size:12px;line-height:1.45;color:var(--soft)}.card{all:revert;position:fixed;inset:auto;margin:0;padding:0;width:min(420px,calc(100vw - 24px));border:1px solid var(--line);border-radius:var(--radius);background:var(--paper);color:var(--ink);box-shadow:var(--shade);font:400 14px/1.55 var(--font);text-align:start;overflow:hidden;direction:inherit}.card:focus{outline:0}.head{display:flex;gap:9px;align-items:flex-start;padding:13px 10px 11px 18px;padding-inline:18px 10px}.head div{flex:1;padding-top:3px}.head sup{font-size:12px;line-height:1.4;padding-top:4px}.card b{display:block;font:600 15px/1.35 var(--serif)}.card small{color:var(--soft);font-size:12.5px}.card blockquote{margin:0;padding:12px 18px;max-height:220px;overflow-y:auto;white-space:pre-wrap;font-size:13.5px;color:var(--soft);background:var(--wash);border-block:1px solid var(--line)}.fn .card p{padding:0 18px 18px;color:var(--soft)}.card mark{background:var(--mark);color:var(--ink);border-radius:2px}.foot{display:flex;gap:12px;align-items:baseline;justify-content:space-between;padding:11px 18px 12px}.card a{color:var(--accent);font-weight:600;font-size:13.5px;text-decoration:none;white-space:nowrap}.card a:hover{text-decoration:underline;text-underline-offset:3px}.launch{position:fixed;inset-block-end:24px;inset-inline-end:24px;width:56px;height:56px;border-radius:50%;background:var(--accent);color:var(--on-accent);display:flex;align-items:center;justify-content:center;box-shadow:var(--shade);z-index:2147483000;cursor:pointer;font:500 28px/1 var(--serif);transition:translate .15s}.launch:hover{translate:0 -2px}.launch:before{content:"?"}.launch:after{content:"1";font-size:.5em;font-weight:600;translate:0 -.5em;margin-inline-start:2px}.launch:focus-visible{outline:3px solid var(--accent);outline-offset:3px}.floating{position:fixed;inset:auto;inset-block-end:94px;inset-inline-end:24px;width:min(420px,calc(100vw - 32px));height:min(660px,calc(100dvh - 118px));border:1px solid var(--line);border-radius:18px;overflow:hidden;box-shadow:var(--shade);z-index:2147483001}.floating:not(:modal,:popover-open){display:none}.floating .hello{padding:4px 0}.floating .title{font-size:24px}.sidebar{inset-block:0;inset-inline-end:0;height:100dvh;border-radius:0;border-width:0;border-inline-start-width:1px}.modal{inset:0;margin:auto;width:min(760px,calc(100vw - 32px));height:min(780px,calc(100dvh - 32px))}.fn:modal::backdrop{background:#140f0a73}@media(max-width:520px){.floating{inset:0;margin:0;width:100%;max-width:none;height:100dvh;max-height:none;border-radius:0;border:0;padding-block:env(safe-area-inset-top) env(safe-area-inset-bottom)}.launch{inset-block-end:calc(18px + env(safe-area-inset-bottom));inset-inline-end:18px}.scroll{padding-inline:16px}.ask{padding-inline:12px}.box :is(textarea,input){font-size:16px}.title{font-size:26px}.card{inset:auto 0 0!important;width:100%;max-width:none;border-radius:18px 18px 0 0;border-width:1px 0 0;padding-bottom:env(safe-area-inset-bottom)}.card blockquote{max-height:38dvh}}@media(hover:none){.asked .tool{opacity:1}}@media(prefers-reduced-motion:reduce){*,:before{animation:none!important;transition:none!important}}@media(forced-colors:active){.go,.launch,.pill,.tool[aria-pressed=true]{border:1px solid}.cite{color:LinkText;text-decoration:underline}.doubt{text-decoration-color:LinkText}.card mark{forced-color-adjust:none;background:Mark;color:MarkText}}';var C=1,$=2,Re=4,P=8,W=16;var Me=e=>{switch(e){case 1:return 3;case 2:return 4;case 3:return 5;case 4:return 6;case 5:return 7;default:return 8}},He=Me;var ne=24;function ie(e){let n=new Uint32Array(ne);return n[0]=1,{renderer:e,text:"",pending:"",tokens:n,len:0,token:1,fence_end:0,blockquote_idx:0,hr_char:"",hr_chars:0,fence_start:0,spaces:new Uint8Array(ne),indent:"",indent_len:0,table_state:0}}function oe(e){e.pending.length>0&&g(e,`
`)}function l(e){e.text.length!==0&&(e.renderer.add_text(e.renderer.data,e.text),e.text="")}function p(e){e.len-=1,e.token=e.tokens[e.len],e.renderer.end_token(e.renderer.data)}function u(e,n){(e.tokens[e.len]===24||e.tokens[e.len]===23)&&n!==25&&p(e),e.len+=1,e.tokens[e.len]=n,e.token=n,e.renderer.add_token(e.renderer.data,n)}function Be(e,n,t){for(;t<=e.len;){if(e.tokens[t]===n)return t;t+=1}return-1}function E(e,n){for(e.fence_start=0;e.len>n;)p(e)}function I(e,n){let t=0;for(let i=0;i<=e.len&&(n-=e.spaces[i],!(n<0));i+=1)switch(e.tokens[i]){case 9:case 10:case 20:case 25:t=i;break}for(;e.len>t;)p(e);return n}function K(e,n){let t=-1,i=-1;for(let o=e.blockquote_idx+1;o<=e.len;o+=1)if(e.tokens[o]===25){if(e.indent_len<e.spaces[o]){i=-1;break}i=o}else e.tokens[o]===n&&(t=o);return i===-1?t===-1?(E(e,e.blockquote_idx),u(e,n),!0):(E(e,t),!1):(E(e,i),u(e,n),!0)}function z(e,n){u(e,25),e.spaces[e.len]=e.indent_len+n,x(e),e.token=103}function x(e){e.indent="",e.indent_len=0,e.pending=""}function q(e){switch(e){case 48:case 49:case 50:case 51:case 52:case 53:case 54:case 55:case 56:case 57:return!0;default:return!1}}function Ue(e){switch(e){case 32:case 58:case 59:case 41:case 44:case 33:case 46:case 63:case 93:case 10:return!0;default:return!1}}function Ge(e){return q(e)||Ue(e)}function g(e,n){for(let t of n){if(e.token===101){switch(t){case" ":e.indent_len+=1;continue;case"	":e.indent_len+=4;continue}let o=I(e,e.indent_len);e.indent_len=0,e.token=e.tokens[e.len],o>0&&g(e," ".repeat(o))}let i=e.pending+t;switch(e.token){case 21:case 1:case 20:case 24:case 23:switch(e.pending[0]){case void 0:e.pending=t;continue;case" ":e.pending=t,e.indent+=" ",e.indent_len+=1;continue;case"	":e.pending=t,e.indent+="	",e.indent_len+=4;continue;case`
`:if(e.tokens[e.len]===25&&e.token===21){p(e),x(e),e.pending=t;continue}E(e,e.blockquote_idx),x(e),e.blockquote_idx=0,e.fence_start=0,e.pending=t;continue;case"#":switch(t){case"#":if(e.pending.length<6){e.pending=i;continue}break;case" ":I(e,e.indent_len),u(e,He(e.pending.length)),x(e);continue}break;case">":{let r=Be(e,20,e.blockquote_idx+1);r===-1?(E(e,e.blockquote_idx),e.blockquote_idx+=1,e.fence_start=0,u(e,20)):e.blockquote_idx=r,x(e),e.pending=t;continue}case"-":case"*":case"_":if(e.hr_chars===0&&(e.hr_chars=1,e.hr_char=e.pending),e.hr_chars>0){switch(t){case e.hr_char:e.hr_chars+=1,e.pending=i;continue;case" ":e.pending=i;continue;case`
`:if(e.hr_chars<3)break;I(e,e.indent_len),e.renderer.add_token(e.renderer.data,22),e.renderer.end_token(e.renderer.data),x(e),e.hr_chars=0;continue}e.hr_chars=0}if(e.pending[0]!=="_"&&e.pending[1]===" "){K(e,23),z(e,2),g(e,i.slice(2));continue}break;case"`":if(e.pending.length<3){if(t==="`"){e.pending=i,e.fence_start=i.length;continue}e.fence_start=0;break}switch(t){case"`":e.pending.length===e.fence_start?(e.pending=i,e.fence_start=i.length):(u(e,2),x(e),e.fence_start=0,g(e,i));continue;case`
`:{I(e,e.indent_len),u(e,10),e.pending.length>e.fence_start&&e.renderer.set_attr(e.renderer.data,Re,e.pending.slice(e.fence_start)),x(e),e.token=101;continue}default:e.pending=i;continue}case"+":if(t!==" ")break;K(e,23),z(e,2);continue;case"0":case"1":case"2":case"3":case"4":case"5":case"6":case"7":case"8":case"9":if(e.pending[e.pending.length-1]==="."){if(t!==" ")break;K(e,24)&&e.pending!=="1."&&e.renderer.set_attr(e.renderer.data,W,e.pending.slice(0,-1)),z(e,e.pending.length+1);continue}else{let r=t.charCodeAt(0);if(r===46||q(r)){e.pending=i;continue}}break;case"|":E(e,e.blockquote_idx),u(e,27),u(e,28),e.pending="",g(e,t);continue}let o=i;if(e.token===21)e.token=e.tokens[e.len],e.renderer.add_token(e.renderer.data,21),e.renderer.end_token(e.renderer.data);else if(e.indent_len>=4){let r=0;for(;r<4;r+=1)if(e.indent[r]==="	"){r=r+1;break}o=e.indent.slice(r)+i,u(e,9)}else u(e,2);x(e),g(e,o);continue;case 27:if(e.table_state===1)switch(t){case"-":case" ":case"|":case":":e.pending=i;continue;case`
`:e.table_state=2,e.pending="";continue;default:p(e),e.table_state=0;break}else switch(e.pending){case"|":u(e,28),e.pending="",g(e,t);continue;case`
`:p(e),e.pending="",e.table_state=0,g(e,t);continue}break;case 28:switch(e.pending){case"":break;case"|":u(e,29),p(e),e.pending="",g(e,t);continue;case`
`:p(e),e.table_state=Math.min(e.table_state+1,2),e.pending="",g(e,t);continue;default:u(e,29),g(e,t);continue}break;case 29:if(e.pending==="|"){l(e),p(e),e.pending="",g(e,t);continue}break;case 9:switch(i){case`
    `:case`
   	`:case`
  	`:case`
 	`:case`
	`:e.text+=`
`,e.pending="";continue;case`
`:case`
 `:case`
  `:case`
   `:e.pending=i;continue;default:e.pending.length!==0?(l(e),p(e),e.pending=t):e.text+=t;continue}case 10:switch(t){case"`":e.pending=i;continue;case`
`:if(i.length===e.fence_start+e.fence_end+1){l(e),p(e),e.pending="",e.fence_start=0,e.fence_end=0,e.token=101;continue}e.token=101;break;case" ":if(e.pending[0]===`
`){e.pending=i,e.fence_end+=1;continue}break}e.text+=e.pending,e.pending=t,e.fence_end=1;continue;case 11:switch(t){case"`":i.length===e.fence_start+ +(e.pending[0]===" ")?(l(e),p(e),e.pending="",e.fence_start=0):e.pending=i;continue;case`
`:e.text+=e.pending,e.pending="",e.token=21,e.blockquote_idx=0,l(e);continue;case" ":e.text+=e.pending,e.pending=t;continue;default:e.text+=i,e.pending="";continue}case 103:switch(e.pending.length){case 0:if(t!=="[")break;e.pending=i;continue;case 1:if(t!==" "&&t!=="x")break;e.pending=i;continue;case 2:if(t!=="]")break;e.pending=i;continue;case 3:if(t!==" ")break;e.renderer.add_token(e.renderer.data,26),e.pending[1]==="x"&&e.renderer.set_attr(e.renderer.data,P,""),e.renderer.end_token(e.renderer.data),e.pending=" ";continue}e.token=e.tokens[e.len],e.pending="",g(e,i);continue;case 14:case 15:{let r="*",s=12;if(e.token===15&&(r="_",s=13),r===e.pending){if(l(e),r===t){p(e),e.pending="";continue}u(e,s),e.pending=t;continue}break}case 12:case 13:{let r="*",s=14;switch(e.token===13&&(r="_",s=15),e.pending){case r:r===t?e.tokens[e.len-1]===s?e.pending=i:(l(e),u(e,s),e.pending=""):(l(e),p(e),e.pending=t);continue;case r+r:let d=e.token;l(e),p(e),p(e),r!==t?(u(e,d),e.pending=t):e.pending="";continue}break}case 16:if(i==="~~"){l(e),p(e),e.pending="";continue}break;case 105:t===`
`?(l(e),u(e,30),e.pending=""):(e.token=e.tokens[e.len],e.pending[0]==="\\"?e.text+="[":e.text+="$$",e.pending="",g(e,t));continue;case 30:if(i==="\\]"||i==="$$"){l(e),p(e),e.pending="";continue}break;case 31:if(i==="\\)"||e.pending[0]==="$"){l(e),p(e),t===")"?e.pending="":e.pending=t;continue}break;case 102:i==="http://"||i==="https://"?(l(e),u(e,18),e.pending=i,e.text=i):"http:/"[e.pending.length]===t||"https:/"[e.pending.length]===t?e.pending=i:(e.token=e.tokens[e.len],g(e,t));continue;case 17:case 19:if(e.pending==="]"){l(e),t==="("?e.pending=i:(p(e),e.pending=t);continue}if(e.pending[0]==="]"&&e.pending[1]==="("){if(t===")"){let r=e.token===17?C:$,s=e.pending.slice(2);e.renderer.set_attr(e.renderer.data,r,s),p(e),e.pending=""}else e.pending+=t;continue}break;case 18:t===" "||t===`
`||t==="\\"?(e.renderer.set_attr(e.renderer.data,C,e.pending),l(e),p(e),e.pending=t):(e.text+=t,e.pending=i);continue;case 104:if(i.startsWith("<br")){if(i.length===3||t===" "||t==="/"&&(i.length===4||e.pending[e.pending.length-1]===" ")){e.pending=i;continue}if(t===">"){l(e),e.token=e.tokens[e.len],e.renderer.add_token(e.renderer.data,21),e.renderer.end_token(e.renderer.data),e.pending="";continue}}e.token=e.tokens[e.len],e.text+="<",e.pending=e.pending.slice(1),g(e,t);continue}switch(e.pending[0]){case"\\":if(e.token===19||e.token===30||e.token===31)break;switch(t){case"(":l(e),u(e,31),e.pending="";continue;case"[":e.token=105,e.pending=i;continue;case`
`:e.pending=t;continue;default:let o=t.charCodeAt(0);e.pending="",e.text+=q(o)||o>=65&&o<=90||o>=97&&o<=122?i:t;continue}case`
`:switch(e.token){case 19:case 30:case 31:break;case 3:case 4:case 5:case 6:case 7:case 8:l(e),E(e,e.blockquote_idx),e.blockquote_idx=0,e.pending=t;continue;default:l(e),e.pending=t,e.token=21,e.blockquote_idx=0;continue}break;case"<":if(e.token!==19&&e.token!==30&&e.token!==31){l(e),e.pending=i,e.token=104;continue}break;case"`":if(e.token===19)break;t==="`"?(e.fence_start+=1,e.pending=i):(e.fence_start+=1,l(e),u(e,11),e.text=t===" "||t===`
`?"":t,e.pending="");continue;case"_":case"*":{if(e.token===19||e.token===30||e.token===31||e.token===14)break;let o=12,r=14,s=e.pending[0];if(s==="_"&&(o=13,r=15),e.pending.length===1){if(s===t){e.pending=i;continue}if(t!==" "&&t!==`
`){l(e),u(e,o),e.pending=t;continue}}else{if(s===t){l(e),u(e,r),u(e,o),e.pending="";continue}if(t!==" "&&t!==`
`){l(e),u(e,r),e.pending=t;continue}}break}case"~":if(e.token!==19&&e.token!==16){if(e.pending==="~"){if(t==="~"){e.pending=i;continue}}else if(t!==" "&&t!==`
`){l(e),u(e,16),e.pending=t;continue}}break;case"$":if(e.token!==19&&e.token!==16&&e.pending==="$")if(t==="$"){e.token=105,e.pending=i;continue}else{if(Ge(t.charCodeAt(0)))break;l(e),u(e,31),e.pending=t;continue}break;case"[":if(e.token!==19&&e.token!==17&&e.token!==30&&e.token!==31&&t!=="]"){l(e),u(e,17),e.pending=t;continue}break;case"!":if(e.token!==19&&t==="["){l(e),u(e,19),e.pending="";continue}break;case" ":if(e.pending.length===1&&t===" ")continue;break}if(e.token!==19&&e.token!==17&&e.token!==30&&e.token!==31&&t==="h"&&(e.pending===" "||e.pending==="")){e.text+=e.pending,e.pending=t,e.token=102;continue}e.text+=e.pending,e.pending=t}l(e)}var D=57344,S={partly:"",unsupported:""},ae="",de="",ce="",le=/[\ue000-\uf8ff]/g,$e=/(?: ?\[\d{0,3}| |[^\s_]?_+)$/,O=class{#n;#e="";#i="";constructor(n,t){this.#n=ie(We(n,t))}write(n){let t=this.#e+n.replace(le,""),i=$e.exec(t),o=i?i.index:t.length;this.#e=t.slice(o),this.#t(t.slice(0,o))}end(){this.#s(),oe(this.#n)}whole(n,t){let i=0;for(let{start:o,end:r,kind:s}of t){let d=n.slice(o,r).trimEnd(),c=/^(?:[\s>#|*+-]|\d+\.\s)*/.exec(d)[0];this.write(n.slice(i,o)+c),this.#s(),this.#a(S[s]),this.write(d.slice(c.length)),this.#s(),this.#a(ae),i=o+d.length}this.write(n.slice(i)),this.end()}#s(){let n=this.#e;this.#e="",this.#t(n)}#t(n){let t=this.#i;this.#i=n.slice(-1)||t,this.#a((t+n).replace(/(?<=[\p{L}\p{N}_])_(?=[\p{L}\p{N}_])/gu,ce).slice(t.length).replace(/\$/g,de).replace(/ ?\[(\d{1,3})\]/g,(i,o)=>String.fromCharCode(D+Number(o))))}#a(n){n&&g(this.#n,n)}},se=e=>e.replaceAll(de,"$").replaceAll(ce,"_").replace(le,""),Pe="p h3 h3 h3 h3 h3 h3 pre pre code em em strong strong s a a a blockquote br hr ul ol li span table tr td code code".split(" ");function We(e,n){let t,i=(o,r)=>{let s=o.closest("a");s?s.after(r):o.append(r)};return{data:[e],add_token(o,r){if(r<2)return;let s=o.at(-1),d=r===29&&!s.previousElementSibling,c=s.appendChild(document.createElement(d?"th":Pe[r-2]));c.localName==="pre"&&(c=c.appendChild(document.createElement("code"))),r===26&&c.append("☐"),o.push(c)},end_token(o){o.pop()},set_attr(o,r,s){let d=o.at(-1);r===C||r===$?A(d,se(s).replace(/[.,;:!?]+$/,"")):r===W?d.setAttribute("start",s):r===P&&(d.textContent="☑")},add_text(o,r){let s=o.at(-1);for(let d of r.split(/([\ue000-\ue803])/)){let c=d.charCodeAt(0);if(c>=D&&c<D+1e3)i(s,n.cite(c-D));else if(d===S.partly||d===S.unsupported)t=d===S.partly?"partly":"unsupported";else if(d===ae)t&&i(s,n.dagger(t)),t=void 0;else if(d){let h=s;if(t&&d.trim()){let f=h.lastChild;h=f instanceof HTMLElement&&f.matches(".doubt")?f:h.appendChild(n.doubt(t))}h.append(se(d))}}}}}var R=class{constructor(n,t,i){this.answer=n;this.words=t;this.send=i;this.thumbs=["up","down"].map(s=>b(s,t[s==="up"?"good":"bad"],()=>this.#n(s),{class:`tool ${s}`})),this.#i();let o=a("input",{type:"text",maxlength:"1000",placeholder:t.more,"aria-label":t.more}),r=["wrong","incomplete","misquoted","outdated"].map(s=>{let d=m("pill",()=>d.setAttribute("aria-pressed",String(d.ariaPressed!=="true")),{"aria-pressed":"false",value:s},t[s]);return d});this.form.append(a("fieldset",{},a("legend",{},t.why),a("div",{class:"starters"},...r),a("div",{class:"box"},o,a("button",{class:"pill",type:"submit"},t.send)))),this.form.addEventListener("submit",s=>{s.preventDefault();let d=r.filter(c=>c.ariaPressed==="true").map(c=>c.value);this.form.hidden=!0,this.#e([...d,o.value.trim()].filter(Boolean).join("; "))})}answer;words;send;said=a("span",{role:"status"});form=a("form",{class:"why",hidden:""});thumbs;#n(n){this.answer.rating=n,this.form.hidden=n==="up"||!this.form.hidden,this.#i(),this.#e("")}async#e(n){try{await this.send(this.answer.rating,n),this.said.textContent=this.words.thanks}catch{delete this.answer.rating,this.form.hidden=!0,this.#i()}}#i(){let[n,t]=this.thumbs;n.setAttribute("aria-pressed",String(this.answer.rating==="up")),t.setAttribute("aria-pressed",String(this.answer.rating==="down"))}};var ue={class:"tool last"},M=class{constructor(n,t,i,o){this.exchange=n;this.words=t;this.card=i;this.actions=o;this.element.append(a("div",{class:"asked"},b("edit",t.edit,()=>o.edit(),ue),a("p",{class:"question",part:"question"},a("span",{class:"vh"},`${t.you}: `),a("bdi",{},n.question))),this.#n,this.#e),n.answer.state==="running"?this.status("searching"):this.finish()}exchange;words;card;actions;element=a("li",{part:"turn"});#n=a("div",{class:"body",part:"answer",dir:"auto"});#e=a("div");#i=a("p",{class:"status"});#s=this.#r(this.#n);#t="";status(n){this.exchange.answer.text&&n!=="offline"||(this.#i.textContent=this.words[n==="offline"||n==="writing"?n:"searching"],this.#e.replaceChildren(this.#i))}write(n){!this.#t&&!document.hidden&&requestAnimationFrame(()=>this.#a()),this.#t+=n,document.hidden&&this.#a()}#a(){this.#t&&(this.#i.remove(),this.#s.write(this.#t),this.#t="",this.actions.grew())}finish(){let{answer:n}=this.exchange,{words:t}=this;this.#a();let i=this.#h();this.#s.end(),(i.length||!this.#n.firstChild)&&this.#d(i),n.refused&&(this.#n.classList.add("refused"),this.#n.prepend(a("strong",{class:"label"},t.notThere))),this.#n.classList.toggle("unsure",!!n.unsure),this.#e.replaceChildren(),n.state==="failed"&&this.#e.append(this.#p()),n.state==="stopped"&&this.#e.append(a("p",{class:"stopped"},t.stopped)),this.#e.append(this.#g()),n.text&&this.#e.append(this.#b()),n.followups.length&&this.#e.append(a("div",{class:"starters"},...n.followups.map(o=>m("pill",()=>this.actions.ask(o),{dir:"auto"},o))))}#d(n){let t=a("div"),i=[];this.#r(t,i).whole(this.exchange.answer.text,n);let o=[...this.#n.children];o.length!==t.children.length?this.#n.replaceChildren(...t.childNodes):[...t.children].forEach((r,s)=>{r.querySelector(".doubt, .dagger")&&o[s].replaceWith(r)}),i.forEach(r=>r())}#r(n,t){let i=0;return new O(n,{cite:o=>{let r=this.exchange.answer.sources.find(c=>c.n===o);if(!r)return document.createTextNode(`[${o}]`);let s=i++;if(!t)return this.#c(r,s);let d=a("i");return t.push(()=>this.#n.contains(d)&&d.replaceWith(this.#c(r,s))),d},doubt:o=>a("span",{class:`doubt ${o}`,title:this.words[o]}),dagger:o=>{let r=m("cite dagger",()=>this.card.doubt(r,o),{"aria-haspopup":"dialog","aria-expanded":"false","aria-label":this.words[o]},o==="partly"?"‡":"†");return r}})}#c(n,t){let i=this.#o("cite",n,()=>this.#l(n.n,t),String(n.n));return i.setAttribute("aria-label",`${this.words.source} ${n.n}: ${n.label}`),i}#o(n,t,i,...o){let r=m(n,()=>{this.card.source(r,t,i()),this.actions.cited(t)},{"aria-haspopup":"dialog","aria-expanded":"false"},...o);return r}#l(n,t){let{citations:i}=this.exchange.answer;return i[t]?.n===n?i[t]:i.find(o=>o.n===n)}#h(){let{answer:n}=this.exchange;return n.sentences.filter(t=>t.verdict!=="supported").map(({start:t,end:i,verdict:o})=>({start:t,end:i,kind:o})).sort((t,i)=>t.start-i.start)}#p(){let{answer:n}=this.exchange,t=n.error||this.words[navigator.onLine?"failed":"offline"];return a("div",{class:"failed",role:"alert"},a("p",{},t,n.run&&a("small",{},n.run)),m("pill",()=>this.actions.again(),{},this.words.retry))}#g(){let{answer:n}=this.exchange,{refused:t,citations:i,sources:o}=n,r=new Set(i.map(h=>h.n)),s=t?o.filter((h,f)=>o.findIndex(v=>v.uri===h.uri)===f).slice(0,3):o.filter(h=>r.has(h.n));if(!s.length)return"";let d=s.map(h=>a("li",{},this.#o("",h,()=>i.find(f=>f.n===h.n),!t&&a("sup",{},String(h.n)),a("span",{dir:"auto"},a("b",{},h.label)," ",U(h))))),c=this.words[t?"nearest":"sources"];return a("section",{class:"notes",part:"sources"},a("h3",{class:t?"":"vh"},c),a("ul",{},...d))}#b(){let{words:n,actions:t}=this,i=new R(this.exchange.answer,n,(r,s)=>t.rate(r,s)),o=()=>i.said.textContent=n.copied;return a("div",{},a("div",{class:"tools"},b("copy",n.copy,()=>{je(this.#x(),this.#e).then(o)}),...i.thumbs,b("again",n.regenerate,()=>t.again(),ue),t.explain&&b("explain",n.explain,t.explain),i.said),i.form)}#x(){let{answer:n}=this.exchange,t=new Set(n.citations.map(o=>o.n)),i=n.sources.filter(o=>t.has(o.n)).map(o=>`[${o.n}] ${o.label} (${o.uri})`);return i.length?`${n.text}

${i.join(`
`)}`:n.text}};async function je(e,n){try{await navigator.clipboard.writeText(e)}catch{let t=a("textarea",{class:"vh"});n.append(t),t.value=e,t.select(),document.execCommand("copy"),t.remove()}}var H=()=>({run:"",model:"",notice:"",text:"",sources:[],citations:[],sentences:[],followups:[],refused:!1,state:"running",error:"",times:{}});var he=`Ask the documents
Ask a question…
Send
Stop
Close
Open chat
New conversation
Delete this conversation
You asked
Source
page
Open document
Not in the documents
Closest documents
Searching the documents…
Writing…
Stopped.
The answer broke off.
Try again
You are offline.
Copy with sources
Copied
Good answer
Bad answer
Thank you
What was wrong?
Not correct
Incomplete
Wrong source
Out of date
Anything else?
Partly supported
Not supported
The passages back only part of this sentence.
Nothing in the passages backs this sentence.
support
Sources
Answer again
Edit the question
Editing your question
Cancel
Explain this answer
A machine writes the answers. Check their sources.
`;var pe=`Die Dokumente fragen
Frage stellen…
Senden
Anhalten
Schließen
Chat öffnen
Neues Gespräch
Dieses Gespräch löschen
Deine Frage
Quelle
Seite
Dokument öffnen
Nicht in den Dokumenten
Nächstliegende Dokumente
Die Dokumente werden durchsucht…
Die Antwort entsteht…
Angehalten.
Die Antwort ist abgebrochen.
Noch einmal
Keine Verbindung.
Mit Quellen kopieren
Kopiert
Gute Antwort
Schlechte Antwort
Danke
Was war falsch?
Stimmt nicht
Unvollständig
Falsche Quelle
Veraltet
Noch etwas?
Teilweise belegt
Nicht belegt
Die Textstellen stützen diesen Satz nur zum Teil.
Nichts in den Textstellen stützt diesen Satz.
belegt
Quellen
Neu antworten
Frage ändern
Du änderst deine Frage
Abbrechen
Diese Antwort erklären
Eine Maschine schreibt die Antworten. Prüfe die Quellen.
`;var ge=`Interroger les documents
Posez une question…
Envoyer
Arrêter
Fermer
Ouvrir le chat
Nouvelle conversation
Supprimer cette conversation
Votre question
Source
page
Ouvrir le document
Absent des documents
Documents les plus proches
Recherche dans les documents…
Rédaction…
Arrêté.
La réponse s’est interrompue.
Réessayer
Vous êtes hors ligne.
Copier avec les sources
Copié
Bonne réponse
Mauvaise réponse
Merci
Qu’est-ce qui n’allait pas ?
Inexact
Incomplet
Mauvaise source
Périmé
Autre chose ?
Étayé en partie
Non étayé
Les passages n’étayent cette phrase qu’en partie.
Rien dans les passages n’étaye cette phrase.
étayé
Sources
Répondre à nouveau
Modifier la question
Modification de votre question
Annuler
Expliquer cette réponse
Une machine rédige les réponses. Vérifiez les sources.
`;var fe=`Pregunta a los documentos
Haz una pregunta…
Enviar
Detener
Cerrar
Abrir el chat
Nueva conversación
Borrar esta conversación
Tu pregunta
Fuente
página
Abrir el documento
No está en los documentos
Documentos más cercanos
Buscando en los documentos…
Escribiendo…
Detenido.
La respuesta se interrumpió.
Reintentar
Sin conexión.
Copiar con las fuentes
Copiado
Buena respuesta
Mala respuesta
Gracias
¿Qué estaba mal?
No es correcto
Incompleto
Fuente equivocada
Desactualizado
¿Algo más?
Respaldado en parte
Sin respaldo
Los pasajes respaldan esta frase solo en parte.
Nada en los pasajes respalda esta frase.
respaldo
Fuentes
Responder otra vez
Editar la pregunta
Editando tu pregunta
Cancelar
Explicar esta respuesta
Una máquina escribe las respuestas. Comprueba las fuentes.
`;var me=`Chiedi ai documenti
Fai una domanda…
Invia
Ferma
Chiudi
Apri la chat
Nuova conversazione
Elimina questa conversazione
La tua domanda
Fonte
pagina
Apri il documento
Non è nei documenti
Documenti più vicini
Ricerca nei documenti…
Scrittura…
Fermato.
La risposta si è interrotta.
Riprova
Sei offline.
Copia con le fonti
Copiato
Buona risposta
Cattiva risposta
Grazie
Che cosa non andava?
Non corretto
Incompleto
Fonte sbagliata
Non aggiornato
Altro?
Sostenuto in parte
Non sostenuto
I passaggi sostengono questa frase solo in parte.
Nulla nei passaggi sostiene questa frase.
sostegno
Fonti
Rispondi di nuovo
Modifica la domanda
Stai modificando la domanda
Annulla
Spiega questa risposta
Una macchina scrive le risposte. Verifica le fonti.
`;var be=`Pergunte aos documentos
Faça uma pergunta…
Enviar
Parar
Fechar
Abrir o chat
Nova conversa
Apagar esta conversa
A sua pergunta
Fonte
página
Abrir o documento
Não está nos documentos
Documentos mais próximos
A procurar nos documentos…
A escrever…
Parado.
A resposta foi interrompida.
Tentar de novo
Sem ligação.
Copiar com as fontes
Copiado
Boa resposta
Má resposta
Obrigado
O que estava errado?
Incorreto
Incompleto
Fonte errada
Desatualizado
Mais alguma coisa?
Apoiado em parte
Sem apoio
As passagens só apoiam esta frase em parte.
Nada nas passagens apoia esta frase.
apoio
Fontes
Responder de novo
Editar a pergunta
A editar a sua pergunta
Cancelar
Explicar esta resposta
Uma máquina escreve as respostas. Confirme as fontes.
`;var xe=`Vraag het de documenten
Stel een vraag…
Versturen
Stoppen
Sluiten
Chat openen
Nieuw gesprek
Dit gesprek verwijderen
Je vraag
Bron
pagina
Document openen
Niet in de documenten
Dichtstbijzijnde documenten
De documenten worden doorzocht…
Het antwoord wordt geschreven…
Gestopt.
Het antwoord is afgebroken.
Opnieuw proberen
Geen verbinding.
Kopiëren met bronnen
Gekopieerd
Goed antwoord
Slecht antwoord
Bedankt
Wat was er mis?
Klopt niet
Onvolledig
Verkeerde bron
Verouderd
Nog iets?
Deels onderbouwd
Niet onderbouwd
De passages onderbouwen deze zin maar deels.
Niets in de passages onderbouwt deze zin.
onderbouwd
Bronnen
Opnieuw antwoorden
Vraag wijzigen
Je wijzigt je vraag
Annuleren
Dit antwoord uitleggen
Een machine schrijft de antwoorden. Controleer de bronnen.
`;var Ee=`Zapytaj dokumenty
Zadaj pytanie…
Wyślij
Zatrzymaj
Zamknij
Otwórz czat
Nowa rozmowa
Usuń tę rozmowę
Twoje pytanie
Źródło
strona
Otwórz dokument
Brak w dokumentach
Najbliższe dokumenty
Przeszukiwanie dokumentów…
Pisanie…
Zatrzymano.
Odpowiedź została przerwana.
Spróbuj ponownie
Brak połączenia.
Kopiuj ze źródłami
Skopiowano
Dobra odpowiedź
Zła odpowiedź
Dziękujemy
Co było nie tak?
Nieprawda
Niepełne
Złe źródło
Nieaktualne
Coś jeszcze?
Częściowo poparte
Bez poparcia
Fragmenty popierają to zdanie tylko częściowo.
Nic we fragmentach nie popiera tego zdania.
poparcie
Źródła
Odpowiedz ponownie
Zmień pytanie
Zmieniasz pytanie
Anuluj
Wyjaśnij tę odpowiedź
Odpowiedzi pisze maszyna. Sprawdź źródła.
`;var ve=`文書に質問する
質問を入力…
送信
停止
閉じる
チャットを開く
新しい会話
この会話を削除
あなたの質問
出典
ページ
文書を開く
文書にありません
近い文書
文書を検索しています…
回答を書いています…
停止しました。
回答が途切れました。
もう一度
オフラインです。
出典付きでコピー
コピーしました
良い回答
悪い回答
ありがとうございます
何が問題でしたか？
正しくない
不完全
出典が違う
古い
ほかには？
一部のみ裏付けあり
裏付けなし
引用箇所はこの文の一部しか裏付けていません。
引用箇所にこの文の裏付けはありません。
裏付け
出典
もう一度回答
質問を編集
質問を編集中
キャンセル
この回答の説明
回答は機械が書いています。出典を確認してください。
`;var _e=`اسأل المستندات
اطرح سؤالاً…
إرسال
إيقاف
إغلاق
فتح المحادثة
محادثة جديدة
حذف هذه المحادثة
سؤالك
المصدر
صفحة
فتح المستند
غير موجود في المستندات
أقرب المستندات
جارٍ البحث في المستندات…
جارٍ الكتابة…
تم الإيقاف.
انقطعت الإجابة.
حاول مجدداً
لا يوجد اتصال.
نسخ مع المصادر
تم النسخ
إجابة جيدة
إجابة سيئة
شكراً
ما الخطأ؟
غير صحيح
غير مكتمل
مصدر خاطئ
قديم
أي شيء آخر؟
مدعوم جزئياً
غير مدعوم
تدعم المقاطع جزءاً من هذه الجملة فقط.
لا شيء في المقاطع يدعم هذه الجملة.
دعم
المصادر
أجب مجدداً
تعديل السؤال
تعدّل سؤالك
إلغاء
شرح هذه الإجابة
الإجابات تكتبها آلة. تحقق من المصادر.
`;var it=["title","ask","send","stop","close","open","reset","erase","you","source","page","openDocument","notThere","nearest","searching","writing","stopped","failed","retry","offline","copy","copied","good","bad","thanks","why","wrong","incomplete","misquoted","outdated","more","partly","unsupported","partlyMeans","unsupportedMeans","support","sources","regenerate","edit","editing","cancel","explain","notice"],ke={en:he,de:pe,fr:ge,es:fe,it:me,pt:be,nl:xe,pl:Ee,ja:ve,ar:_e},ot=/^(ar|fa|he|ur)\b/i,we=e=>ot.test(e);function Ae(e){let n=(ke[e.slice(0,2).toLowerCase()]??ke.en).split(`
`);return Object.fromEntries(it.map((t,i)=>[t,n[i]]))}var B=document.currentScript,rt=6,j=class extends HTMLElement{#n;#e;#i="en";#s;#t;#a;#d="";#r=[];#c=[];#o;#l=!1;#h=new AbortController;connectedCallback(){this.#h=new AbortController;let{signal:n}=this.#h;if(addEventListener("pagehide",()=>this.#m(),{signal:n}),this.shadowRoot)return;let t=this.getAttribute("api")??(B?.src?new URL(".",B.src).href:location.origin),i=()=>this.getAttribute("key")??"";this.#n={api:t.replace(/\/$/,""),get key(){return i()}},this.#i=this.getAttribute("lang")||document.documentElement.lang||"en",this.#e=Ae(this.#i),this.#s=new T(`footnote:${this.#n.api}:${this.getAttribute("name")??""}`,Number(this.getAttribute("keep-days")??7)),this.#b(),this.#T(),this.#u("ready",{})}disconnectedCallback(){this.#h.abort()}open(){let{root:n,launcher:t,input:i}=this.#t;n instanceof HTMLDialogElement&&!this.#p&&(this.#g==="modal"||matchMedia("(max-width:520px)").matches?n.showModal():n.showPopover(),t.setAttribute("aria-expanded","true"),this.#u("open",{})),i.focus(),this.#t.toEnd(!0)}close(){let{root:n,launcher:t}=this.#t;!(n instanceof HTMLDialogElement)||!this.#p||(n.open?n.close():n.hidePopover(),t.setAttribute("aria-expanded","false"),t.focus(),this.#u("close",{}))}ask(n){let t=n.trim();if(!t||this.#o)return;this.#l&&(this.#f(),this.#r.pop(),this.#c.pop()?.element.remove());let i={question:t,answer:H()};this.#r.push(i),this.#E(i)}reset(){let n=this.#A();return this.#o=void 0,this.#r=[],this.#c=[],this.#d=ye(),this.#f(),this.#t.turns.replaceChildren(),this.#t.hello.hidden=!1,this.#s.clear(),this.#t.ready(!1),this.#t.input.focus(),n}erase(){let n=this.#d;this.reset().then(()=>X(this.#n,n)).catch(()=>{})}suggest(n){this.#t.suggest(n)}on(n,t){let i=o=>t(o.detail);return this.addEventListener(`footnote-${n}`,i),()=>this.removeEventListener(`footnote-${n}`,i)}get#p(){return this.#t.root.matches(":modal, :popover-open")}get#g(){return this.getAttribute("mode")??"inline"}#b(){let n=this.attachShadow({mode:"open"}),t=new CSSStyleSheet;t.replaceSync(te),n.adoptedStyleSheets=[t];let i=this.#g!=="inline",o=(this.getAttribute("suggestions")??"").split("|").map(d=>d.trim()).filter(Boolean);this.#t=new N(this.#e,{title:this.getAttribute("heading")??this.#e.title,intro:this.getAttribute("intro")??"",notice:this.getAttribute("notice")??this.#e.notice,starters:o,floating:i,classes:`${this.#g} ${i?"floating":""} ${this.hasAttribute("headless")?"headless":""}`},{ask:d=>this.ask(d),close:()=>this.close(),erase:()=>this.erase(),reset:()=>{this.reset()},toggle:()=>this.#p?this.close():this.open(),uncorrect:()=>this.#f()});let r=this.#t,s=this.hasAttribute("lang")?we(this.#i):getComputedStyle(this).direction==="rtl";for(let d of[r.root,r.launcher])d.dir=s?"rtl":"ltr";r.root.lang=this.#i,this.#a=new y(this.#e,this.#i,r.root),n.append(r.root),i&&(r.root.popover=r.launcher.popover="manual",n.append(r.launcher),r.launcher.showPopover()),this.#x(),r.ready(!1)}#x(){let{root:n,form:t,input:i}=this.#t;t.addEventListener("submit",o=>{o.preventDefault(),this.#o?this.#A():this.#v()}),i.addEventListener("input",()=>this.#t.ready(!!this.#o)),i.addEventListener("keydown",o=>this.#y(o)),n.addEventListener("keydown",o=>{o.key!=="Escape"||this.#a.isOpen||(o.preventDefault(),this.#l?this.#f():this.close())}),n.addEventListener("cancel",o=>{o.preventDefault(),this.close()})}#y(n){n.key==="Enter"&&!n.shiftKey&&!n.isComposing?(n.preventDefault(),this.#o||this.#v()):n.key==="ArrowUp"&&!this.#t.input.value&&(n.preventDefault(),this.#_())}#v(){let{input:n}=this.#t,t=n.value;n.value="",this.ask(t),this.#t.ready(!!this.#o)}#_(){let n=this.#r.at(-1);!n||this.#o||(this.#l=!0,this.#t.correcting.hidden=!1,this.#t.input.value=n.question,this.#t.input.focus(),this.#t.ready(!1))}#f(){this.#l&&(this.#t.input.value=""),this.#l=!1,this.#t.correcting.hidden=!0,this.#t.ready(!!this.#o)}async#E(n,t){let i=this.#t,o=this.#o=new AbortController,r=this.#k(n),{answer:s}=n;i.hello.hidden=!0,i.ready(!0),i.toEnd(!0),i.said.textContent=this.#e.searching;let d={text:c=>r.write(c),status:c=>{r.status(c),c==="offline"&&(i.said.textContent=this.#e.offline)},started:()=>this.#m()};try{t?await Y(this.#n,s,d,o.signal):await V(this.#n,this.#N(n),s,d,o.signal)}catch(c){s.state==="running"&&(s.state=o.signal.aborted?"stopped":"failed"),t&&!s.text?Object.assign(s,t,{state:s.state}):c instanceof _?(s.error=c.message,s.run||=c.request):!s.run&&!o.signal.aborted&&!this.#n.api.startsWith(location.origin)&&(s.error=`The service is out of reach, or does not allow this page. There: FOOTNOTE_CORS_ORIGINS=${location.origin}`)}this.#o===o&&(this.#o=void 0,r.finish(),this.#w(n),i.said.textContent=s.error||s.text.replace(/\[\d+\]/g,""),i.ready(!1),requestAnimationFrame(()=>i.toEnd()),this.#m(),s.state==="failed"&&this.#u("error",{run:s.run,message:s.error}))}#N(n){let t=this.#r.slice(0,this.#r.indexOf(n)).filter(o=>o.answer.text&&!o.answer.error).slice(-rt).flatMap(o=>[{role:"user",content:o.question},{role:"assistant",content:o.answer.text}]),i=this.getAttribute("where");return{conversation:this.#d,messages:[...t,{role:"user",content:n.question}],...i&&{where:JSON.parse(i)}}}#k(n){let t=new M(n,this.#e,this.#a,{ask:i=>this.ask(i),again:()=>{this.#o||(n.answer=H(),this.#c.pop(),t.element.remove(),this.#E(n))},cited:({n:i,title:o,url:r})=>this.#u("citation-click",{run:n.answer.run,n:i,title:o,url:r}),edit:()=>this.#_(),...this.hasAttribute("explain")&&{explain:()=>this.#u("explain",structuredClone(n))},grew:()=>this.#t.toEnd(),rate:async(i,o)=>{let r=()=>J(this.#n,n.answer.run,i,o);await r().catch(()=>new Promise(s=>setTimeout(s,900)).then(r)),this.#u("feedback",{run:n.answer.run,rating:i,reason:o}),this.#m()}});return this.#c.push(t),this.#t.turns.append(t.element),t}#w({answer:n}){n.notice&&this.#i.startsWith("en")&&!this.hasAttribute("notice")&&(this.#t.notice.textContent=n.notice)}async#A(){let n=this.#r.at(-1)?.answer,t=this.#o;!t||!n||(n.run&&await Z(this.#n,n.run).catch(()=>{}),setTimeout(()=>t.abort(),500))}#u(n,t){this.dispatchEvent(new CustomEvent(`footnote-${n}`,{bubbles:!0,composed:!0,detail:t}))}#m(){this.#r.length&&this.#s.save({conversation:this.#d,exchanges:this.#r})}#T(){let n=this.#s.load();this.#d=n?.conversation??ye(),this.#r=n?.exchanges??[];for(let t of this.#r){let{answer:i}=t;i.state==="running"&&i.run&&t===this.#r.at(-1)?(t.answer={...H(),run:i.run},this.#E(t,i)):(i.state==="running"&&(i.state="failed"),this.#k(t),this.#w(t))}n&&(this.#t.hello.hidden=!0),this.#t.toEnd(!0)}},ye=()=>`conv_${Array.from(crypto.getRandomValues(new Uint8Array(12)),e=>e.toString(16).padStart(2,"0")).join("")}`;customElements.get("footnote-chat")||customElements.define("footnote-chat",j);function Ne(){if(!B||document.querySelector("footnote-chat"))return;let e=document.createElement("footnote-chat");e.setAttribute("mode","launcher");for(let[n,t]of Object.entries(B.dataset))e.setAttribute(n.replace(/[A-Z]/g,i=>`-${i.toLowerCase()}`),t??"");document.body.append(e)}document.readyState==="loading"?addEventListener("DOMContentLoaded",Ne):Ne();})();
