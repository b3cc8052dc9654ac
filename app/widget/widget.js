"use strict";(()=>{function d(e,n={},...t){let i=document.createElement(e);for(let[o,s]of Object.entries(n))typeof s=="string"?i.setAttribute(o,s):i.addEventListener(o,s);return i.append(...t.filter(o=>!!o)),i}var m=(e,n,t={},...i)=>d("button",{class:e,type:"button",...t,click:n},...i),x=(e,n,t,i={})=>m("tool",t,{"aria-label":n,title:n,...i},A(e));function T(e,n){/^(https?|mailto):$/.test(URL.parse(n,location.href)?.protocol??"")&&(e.setAttribute("href",n),e.setAttribute("target","_blank"),e.setAttribute("rel","noopener noreferrer nofollow"))}var Z={send:"M12 19V5M5.5 11.5 12 5l6.5 6.5",stop:"M7 7h10v10H7z",close:"m6 6 12 12M18 6 6 18",reset:"M12 5v14M5 12h14",past:"M12 7v5l3.5 2M4 12a8 8 0 1 0 2.5-5.8M4 4v4.5h4.5",erase:"M5 7h14M10 7V4h4v3M7 7l1 13h8l1-13",again:"M4 12a8 8 0 1 0 2.5-5.8M4 4v4.5h4.5",copy:"M9 9h10v11H9zM5 15V4h10",up:"M7 11v9H4v-9zm0 0 4-8c1.7 0 2.6 1.2 2.2 3l-.7 3.5h5.3a2 2 0 0 1 2 2.4l-1.2 6.4A2 2 0 0 1 16.6 20H7",edit:"M4 20h4L19 9l-4-4L4 16zM13 7l4 4",explain:"M5 20v-6M12 20V4M19 20v-10"};function A(e){let n="http://www.w3.org/2000/svg",t=document.createElementNS(n,"svg");t.setAttribute("viewBox","0 0 24 24"),t.setAttribute("aria-hidden","true");let i=document.createElementNS(n,"path");return i.setAttribute("d",Z[e]??Z.up),t.append(i),t}var X=220,N=class{constructor(n,t,i){this.words=n;this.language=t;this.element=d("div",{class:"card",part:"card",popover:"auto",role:"dialog",tabindex:"-1"}),this.element.addEventListener("beforetoggle",o=>{o.newState!=="open"&&(this.#e?.setAttribute("aria-expanded","false"),this.element.matches(":focus-within")&&this.#e?.focus({preventScroll:!0}))}),i.append(this.element)}words;language;element;#e;get isOpen(){return this.element.matches(":popover-open")}source(n,t,i){let{words:o}=this,{evidence:s,support:r}=i??{},a=s?.page??t.page,c=[a!==void 0&&`${o.page} ${a}`,z(t)].filter(Boolean),l=[t.modified&&new Date(t.modified).toLocaleDateString(this.language,{dateStyle:"medium"}),r!==void 0&&`${Math.round(r*100)} % ${o.support}`].filter(Boolean),g=d("a",{},a===void 0?o.openDocument:`${o.openDocument}, ${o.page} ${a}`);T(g,s?.url??t.url),this.#i(n,`${o.source} ${t.n}: ${t.label}`,this.#t(d("sup",{},String(t.n)),t.title||t.uri,c.join(" · ")||t.uri),ze(t,s),d("div",{class:"foot"},d("small",{},l.join(" · ")),g))}doubt(n,t){let i=this.words[t];this.#i(n,i,this.#t(d("sup",{},n.textContent),i,""),d("p",{},this.words[`${t}Means`]))}#t(n,t,i){return d("div",{class:"head"},n,d("div",{dir:"auto"},d("b",{},t),i&&d("small",{},i)),m("tool",()=>this.element.hidePopover(),{"aria-label":this.words.close},A("close")))}#i(n,t,...i){this.isOpen&&this.element.hidePopover(),this.#e=n,n.setAttribute("aria-expanded","true"),this.element.setAttribute("aria-label",t),this.element.replaceChildren(...i),this.element.showPopover(),this.#o(n.getBoundingClientRect()),this.element.focus({preventScroll:!0});let o=this.element.querySelector("mark");o&&(o.parentElement.scrollTop=o.offsetTop-o.parentElement.offsetTop-48)}#o(n){let{offsetWidth:t,offsetHeight:i,style:o}=this.element;o.left=`${Math.max(12,Math.min(n.left-24,innerWidth-t-12))}px`;let s=n.bottom+8+i<innerHeight;o.top=`${s?n.bottom+8:Math.max(12,n.top-i-8)}px`}};function z({headings:e,title:n}){return e.at(-1)===n?"":e.at(-1)}function ze(e,n){let t=Array.from(e.text),i=n?Math.max(0,n.start-e.start):0,o=n?Math.min(t.length,n.end-e.start):0,s=Math.max(0,i-X),r=n?Math.min(t.length,o+X):t.length,a=(c,l)=>Ke(t.slice(c,l).join(""));return d("blockquote",{tabindex:"0",dir:"auto"},s>0&&"…",a(s,i),i<o&&d("mark",{},a(i,o)),a(Math.max(i,o),r),r<t.length&&"…")}function Ke(e){return e.replace(/^[ |:-]*--[ |:-]*$\n?|^\| *| *\|$|\*\*|__|^#{1,6} |`/gm,"").replace(/ *\| */g," · ").replace(/\n\s*\n/g,`
`)}var K=()=>d("sup",{"aria-hidden":"true"},"1"),L=class{constructor(n,t,i){this.words=n;this.deeds=i;this.hello=d("div",{class:"hello"},d("p",{class:"title"},t.title,K()),t.intro&&d("p",{class:"intro"},K()," ",t.intro),this.#e,this.#t),this.suggest(t.starters),this.scroll=d("div",{class:"scroll",role:"log","aria-live":"off","aria-label":t.title,tabindex:"0"},this.hello,this.turns),this.scroll.addEventListener("scroll",()=>{let{scrollHeight:o,scrollTop:s,clientHeight:r}=this.scroll;this.#i=o-s-r<60},{passive:!0}),this.input=d("textarea",{rows:"1","aria-label":n.ask,"aria-describedby":"notice",placeholder:n.ask,maxlength:"8000"}),this.go=d("button",{class:"go",type:"submit"}),this.correcting=d("p",{class:"correcting",hidden:""},d("span",{},n.editing),m("pill",i.uncorrect,{},n.cancel)),this.form=d("form",{class:"ask",part:"composer"},this.correcting,d("div",{class:"box"},this.input,this.go)),this.notice.textContent=t.notice,this.launcher=m("launch",i.toggle,{"aria-label":n.open,"aria-expanded":"false","aria-haspopup":"dialog",part:"launcher"}),this.past=x("past",n.past,i.past,{"aria-expanded":"false"}),this.past.hidden=!t.past,this.erase=x("erase",n.erase,i.erase),this.root=d(t.floating?"dialog":"section",{class:`fn ${t.classes}`,part:"frame","aria-label":t.title},d("div",{class:"bar",part:"header"},d("h2",{},t.title,K()),this.past,x("reset",n.reset,i.reset),this.erase,t.floating&&x("close",n.close,i.close)),this.scroll,this.said,this.form,this.notice)}words;deeds;root;launcher;turns=d("ol",{class:"turns"});said=d("div",{class:"vh",role:"status"});notice=d("p",{class:"notice",id:"notice"});past;erase;correcting;input;go;form;hello;#e=d("p",{class:"told",role:"alert"});#t=d("div",{class:"starters"});scroll;#i=!0;suggest(n){this.#t.replaceChildren(...n.map(t=>m("pill",()=>this.deeds.ask(t),{dir:"auto"},t)))}tell(n){this.#e.textContent=n}ready(n){this.go.disabled=!n&&!this.input.value.trim();let t=n?"stop":"send";this.go.name!==t&&(this.go.name=t,this.go.setAttribute("aria-label",this.words[t]),this.go.replaceChildren(A(t)))}toEnd(n=!1){(n||this.#i)&&(this.scroll.scrollTop=this.scroll.scrollHeight)}};var k=()=>({run:"",model:"",notice:"",text:"",sources:[],citations:[],sentences:[],followups:[],refused:!1,state:"running",error:"",times:{}});var I=class{constructor(n,t,i){this.words=n;this.language=t;this.deeds=i;this.#i=m("pill",()=>{this.#s()},{},n.older),this.element=d("section",{class:"past",part:"past","aria-label":n.past,tabindex:"-1",hidden:""},d("h3",{class:"label"},n.past),this.#e,this.#t,this.#i)}words;language;deeds;element;#e=d("ul");#t=d("p",{role:"status"});#i;#o="";async show(){this.#e.replaceChildren(),this.#o="",this.element.hidden=!1,this.element.focus(),await this.#s()}async#s(){this.#i.hidden=!0,await this.#n(async()=>{let{conversations:n,next:t}=await this.deeds.list(this.#o),i=n.map(o=>this.#h(o));this.#e.append(...i),this.#o=t??"",this.#i.hidden=!t,i[0]?.querySelector("button").focus(),this.#r()})}#r(){this.#t.textContent=this.#e.firstChild?"":this.words.noPast}async#n(n){try{await n()}catch(t){this.#t.textContent=(t instanceof TypeError?"":t.message)||this.words.failed}}#h({id:n,title:t,answered:i}){let{words:o}=this,s=new Date(i).toLocaleDateString(this.language,{dateStyle:"medium"}),r=x("erase",`${o.erase}: ${t}`,()=>{r.classList.contains("pill")?this.#n(c):(r.className="pill",r.textContent=o.erase)}),a=d("li",{},m("",()=>{this.#n(()=>this.deeds.open(n))},{},d("b",{dir:"auto"},t),d("small",{},s)),r),c=async()=>{await this.deeds.forget(n);let l=a.nextElementSibling??a.previousElementSibling;a.remove(),(l?.querySelector("button")??this.element).focus(),this.#r()};return a}},qe={answered:"done",unsure:"done",refused:"done",done:"done",cancelled:"stopped"},ee=({question:e,answer:n,outcome:t,...i})=>({question:e,answer:{...k(),...i,text:n??"",withheld:n===null,citations:i.sources.map(({n:o})=>({n:o})),refused:t==="refused",unsure:t==="unsure",state:qe[t]??"failed"}});var C=class{constructor(n,t,i=""){this.name=n;this.days=t;this.person=i;i&&(this.name+=`:${i}`)}name;days;person;load(){try{let{at:n,...t}=JSON.parse(this.#e.getItem(this.name)??"null");if(Date.now()-n<this.days*864e5&&Array.isArray(t.exchanges))return t;this.clear()}catch{}}save({conversation:n,exchanges:t}){if(!(this.days<=0))try{let i={at:Date.now(),conversation:n,exchanges:t.slice(-30)};this.#e.setItem(this.name,JSON.stringify(i))}catch{}}get#e(){return this.person?sessionStorage:localStorage}clear(){try{this.#e.removeItem(this.name)}catch{}}};function S(e){try{return String(JSON.parse(atob(e.split(".")[1].replace(/-/g,"+").replace(/_/g,"/"))).sub??"")}catch{return""}}var te=({expires:e})=>!e||e-20>Date.now()/1e3,y=class{constructor(n){this.source=n}source;#e;#t;pass(){return this.#e&&te(this.#e)?Promise.resolve(this.#e):this.#t??=this.#i().finally(()=>this.#t=void 0)}refuse(n){this.#e?.token===n&&(this.#e=void 0)}async#i(){return this.#e=ne(await this.source())}},ne=e=>typeof e=="string"?{token:e}:e;function ie(e,n){let t;return async()=>{let i=ne(await Promise.resolve().then(e).catch(()=>""));if(!i?.token||S(i.token)!==(t??=S(i.token)))throw n;return i}}var oe=e=>async()=>{let n=await fetch(e,{cache:"no-store",headers:{accept:"application/json"}});if(!n.ok)throw new TypeError(String(n.status));return n.json()};function se(e,n){let t="";return async()=>{try{let o=JSON.parse(localStorage.getItem(e)??"null");if(o?.token&&o.token!==t&&te(o))return t=o.token,o}catch{}let i=await n();t=i.token;try{localStorage.setItem(e,JSON.stringify(i))}catch{}return i}}var D=class{#e="";#t="";#i=[];*feed(n){let t=(this.#e+n).split(/\r\n|\n|\r(?!$)/);this.#e=t.pop();for(let i of t){let[,o,s]=/^(\w*):? ?(.*)$/s.exec(i)??[];o==="data"?this.#i.push(s):o==="id"?this.#t=s:!i&&this.#i.length&&(yield{id:this.#t,data:this.#i.splice(0).join(`
`)})}}};var E=class extends Error{constructor(t,i,o=0){super(t);this.request=i;this.status=o}request;status},$e=5;async function re(e,n,t,i,o){let s=Date.now(),r=await b(e,"POST","/v1/chat",n,o);t.run=r.headers.get("x-run-id")??"",i.started(),await fe(e,r,t,i,o,s)}async function ae(e,n,t,i){let o=await b(e,"GET",`/v1/runs/${n.run}/events`,void 0,i);await fe(e,o,n,t,i,0)}var de=(e,n)=>b(e,"POST",`/v1/runs/${n}/cancel`),ce=(e,n,t,i)=>b(e,"POST","/v1/feedback",{run:n,rating:t,reason:i}),le="/v1/conversations",ue=e=>`${le}/${encodeURIComponent(e)}`,q=(e,n)=>b(e,"DELETE",ue(n)),he=async(e,n)=>(await b(e,"GET",le+(n&&`?before=${encodeURIComponent(n)}`))).json(),pe=async(e,n)=>(await(await b(e,"GET",ue(n))).json()).turns,ge=async e=>(await b(e,"POST","/v1/visitors")).json();async function fe(e,n,t,i,o,s){let r=n,a=0,c=0;for(;;){let l=a;try{for await(let{id:g,part:_}of We(r))a=g||a,Qe(_,t,i,s)}catch(g){if(o.aborted)throw g}if(t.state!=="running")return;a>l&&(c=0);for(let g;!g;r=g??r){if(c===$e||!t.run)throw new TypeError("The stream was cut.");navigator.onLine||i.status("offline"),await je(300*2**c),c+=1,g=await b(e,"GET",`/v1/runs/${t.run}/events?after=${a}`,void 0,o).catch(_=>{if(o.aborted||_ instanceof E)throw _})}}}function je(e){return new Promise(n=>{let t=setTimeout(i,navigator.onLine?e:6e4);function i(){clearTimeout(t),removeEventListener("online",i),n()}addEventListener("online",i)})}async function*We(e){let n=new D,t=e.body.pipeThrough(new TextDecoderStream).getReader();for(;;){let{done:i,value:o}=await t.read();if(i)return;for(let{id:s,data:r}of n.feed(o))r!=="[DONE]"&&(yield{id:Number(s),part:JSON.parse(r)})}}function Qe(e,n,t,i){let{type:o,data:s,messageMetadata:r}=e,a=c=>{i&&(n.times[c]??=Date.now()-i)};if(/^(finish|error|abort)$/.test(o)&&a("end"),/^source-/.test(o)){let{quote:c,...l}=e.providerMetadata.footnote;n.sources.push({...l,text:c}),a("sources")}else o==="start"?(Object.assign(n,{run:r.runId,notice:r.notice??"",model:r.model??""}),t.started()):o==="data-status"?t.status(s.stage):o==="text-delta"?(a("words"),n.text+=e.delta,t.text(e.delta)):o==="data-sentence"?n.sentences.push(s):o==="data-citations"?n.citations=s:o==="data-followups"?n.followups=s:o==="finish"?(n.refused=!!r?.refused,n.unsure=r?.outcome==="unsure",n.usage=r?.usage,n.state="done"):o==="error"?(n.error=e.errorText,n.state="failed"):o==="abort"&&(n.state=e.reason==="user"?"stopped":"failed")}async function b(e,n,t,i,o){let{token:s}=await e.sign.pass(),r=l=>fetch(e.api+t,{method:n,headers:{...i?{"content-type":"application/json"}:{},...l&&{authorization:`Bearer ${l}`}},signal:o??null,body:i?JSON.stringify(i):null}),a=await r(s);if(a.status===401){e.sign.refuse(s);let l=await e.sign.pass();l.token!==s&&(a=await r(l.token))}if(a.ok)return a;let c=await a.json().catch(()=>({}));throw new E(c.detail??c.title??"",a.headers.get("x-request-id")??"",a.status)}var me=':host{display:block}:host([mode]:not([mode="inline"])){display:contents!important;visibility:visible!important}:host([hidden]){display:none!important}:host([theme="dark"]){color-scheme:dark}:host([theme="light"]){color-scheme:light}:host([theme="auto"]){color-scheme:light dark}[hidden]{display:none!important}.fn,.launch{all:initial;--paper: var(--footnote-paper, light-dark(#fffefc, #191816));--wash: var(--footnote-wash, light-dark(#f6f3ee, #24221f));--line: var(--footnote-line, light-dark(#e6e1d8, #38342f));--ink: var(--footnote-ink, light-dark(#1e1b18, #ece8e1));--soft: var(--footnote-soft, light-dark(#665f56, #a9a196));--accent: var(--footnote-accent, light-dark(#a3341d, #f2937a));--on-accent: var(--footnote-on-accent, light-dark(#fff, #231a17));--tint: color-mix(in srgb, var(--accent) 9%, var(--paper));--mark: var(--footnote-mark, light-dark(#fbe7a8, #584717));--radius: var(--footnote-radius, 14px);--shade: var(--footnote-shadow, 0 1px 2px rgb(0 0 0 / .05), 0 12px 40px rgb(30 20 10 / .16));--font: var(--footnote-font, -apple-system, BlinkMacSystemFont, "Segoe UI", Roboto, "Noto Sans", "Helvetica Neue", Arial, sans-serif);--serif: var(--footnote-serif, "Iowan Old Style", Charter, "Source Serif 4", "Noto Serif", Georgia, serif);box-sizing:border-box;color:var(--ink);color-scheme:inherit;font:400 15px/1.6 var(--font);overflow-wrap:anywhere;text-align:start}.fn{display:flex;flex-direction:column;position:relative;width:100%;height:100%;min-height:0;background:var(--paper)}.fn[dir=rtl],.launch[dir=rtl]{direction:rtl}.fn *,.fn :before{box-sizing:border-box}.fn :is(h2,h3,p,ul,ol,fieldset){margin:0;padding:0;border:0}.vh,.headless .bar>h2{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%);white-space:nowrap}button{font:inherit;color:inherit;background:none;border:0;padding:0;cursor:pointer;border-radius:8px;text-align:inherit}:is(button,a,input,blockquote):focus-visible{outline:2px solid var(--accent);outline-offset:1px}svg{width:18px;height:18px;fill:none;stroke:currentColor;stroke-width:1.6;stroke-linecap:round;stroke-linejoin:round;display:block}sup{font-size:.62em;line-height:0;color:var(--accent);vertical-align:.55em;font-weight:600;font-variant-numeric:lining-nums tabular-nums}.tool{flex:none;width:32px;height:32px;display:grid;place-items:center;color:var(--soft)}.tool:hover{background:var(--wash);color:var(--ink)}.tool:is([aria-pressed=true],[aria-expanded=true]){color:var(--accent);background:var(--tint)}.pill{border:1px solid var(--line);border-radius:99px;padding:5px 14px;font-size:14px;line-height:1.45;background:var(--paper);text-align:start}.pill:hover{border-color:var(--accent);color:var(--accent)}.pill[aria-pressed=true]{border-color:var(--accent);background:var(--tint);color:var(--accent)}.bar{display:flex;align-items:center;gap:2px;padding:10px;padding-inline-start:20px;border-bottom:1px solid var(--line)}.bar h2{flex:1;font:600 16px/1.3 var(--serif);letter-spacing:-.01em}.headless .bar{position:absolute;padding:0;border:0}.headless .bar>.tool{display:none}.scroll{flex:1;min-height:0;overflow-y:auto;overscroll-behavior:contain;padding:22px 20px 12px;display:flex;flex-direction:column}.scroll:focus-visible{outline:2px solid var(--accent);outline-offset:-3px}.turns{list-style:none;width:100%;max-width:740px;margin-inline:auto!important;display:flex;flex-direction:column;gap:34px}.asked{display:flex;justify-content:flex-end;align-items:center;gap:4px;margin-bottom:14px}.fn .question{padding:9px 15px;background:var(--wash);border-radius:var(--radius);border-end-end-radius:4px;max-width:88%;white-space:pre-wrap}.asked .tool{opacity:0}li:is(:hover,:focus-within)>.asked .tool,.tool:focus-visible{opacity:1}li:not(:last-child) .last{display:none}.body>:last-child{margin-bottom:0!important}.body :is(p,ul,ol,table,pre,blockquote){margin:0 0 .75em!important}.body :is(ul,ol){padding-inline-start:1.45em!important}.body li{margin:.2em 0}.body h3{font:600 1.03em/1.4 var(--font);margin:1.1em 0 .4em!important}.body>:first-child{margin-top:0!important}.body code{font:.88em/1.5 ui-monospace,SF Mono,Menlo,Consolas,monospace;background:var(--wash);padding:.12em .36em;border-radius:5px}.body pre{background:var(--wash);padding:12px 14px!important;border-radius:10px;overflow-x:auto}.body pre code{padding:0;background:none}.body table{border-collapse:collapse;display:block;overflow-x:auto;font-size:.95em}.body :is(th,td){border-bottom:1px solid var(--line);padding:5px 14px 5px 0;text-align:start;vertical-align:top}.body th{font-weight:600;color:var(--soft);font-size:.92em}.body hr{border:0;border-top:1px solid var(--line);margin:1em 0}.body a{color:var(--accent);text-underline-offset:2px}.body blockquote{border-inline-start:2px solid var(--line);padding-inline-start:14px;color:var(--soft)}.cite{font:600 11px/24px var(--font);height:24px;min-width:24px;margin:-8px -5px -8px -6px;padding:0 4px;text-align:center;vertical-align:.38em;color:var(--accent);font-variant-numeric:lining-nums tabular-nums;position:relative}.cite:before{content:"";position:absolute;inset:4px;border-radius:5px;z-index:-1}.body,.notes{position:relative;z-index:0}.cite:is(:hover,[aria-expanded=true]):before{background:color-mix(in srgb,var(--accent) 18%,var(--paper))}.dagger{color:var(--soft);font-size:13px}.doubt{text-decoration:underline dotted 1.5px var(--accent);text-underline-offset:4px;text-decoration-skip-ink:none}.doubt.partly{text-decoration-color:var(--soft)}.status{color:var(--soft);display:flex;align-items:center;gap:10px}.status:before{content:"1";font:600 11px/1 var(--font);color:var(--accent);translate:0 -.35em;animation:beat 1.2s ease-in-out infinite}@keyframes beat{50%{opacity:.15}}.stopped{color:var(--soft);font-size:13.5px;margin-top:6px!important}.unsure{border-inline-start:2px dotted var(--soft);padding-inline-start:14px}.refused{color:var(--ink);border:1px solid var(--line);border-radius:var(--radius);background:var(--wash);padding:14px 18px}.label{display:block;font:600 16px/1.4 var(--serif);margin-bottom:2px}.failed{border:1px solid color-mix(in srgb,var(--accent) 45%,var(--paper));background:var(--tint);border-radius:var(--radius);padding:12px 16px;margin-top:10px;display:flex;gap:14px;align-items:center;flex-wrap:wrap}.failed p{flex:1 1 14em}.failed small{color:var(--soft);display:block;font:12px/1.5 ui-monospace,Menlo,monospace}.notes{margin-top:16px;font-size:13.5px;line-height:1.5}.notes:before{content:"";display:block;width:56px;border-top:1px solid var(--soft);opacity:.6;margin-bottom:7px}.notes h3{font:600 13px/1.5 var(--font);color:var(--soft)}.notes ul{list-style:none}.notes button{display:flex;gap:7px;width:calc(100% + 12px);margin-inline:-6px;padding:3px 6px;min-height:26px;color:var(--soft);border-radius:6px}.notes button:hover{background:var(--wash);color:var(--ink)}.notes sup{font-size:11px;line-height:1.2;vertical-align:top;min-width:.9em}.notes b{color:var(--ink);font-weight:500;margin-inline-end:2px}.tools{display:flex;gap:2px;margin:8px -7px 0;align-items:center;font-size:13px;color:var(--soft)}.tools svg{width:16px;height:16px}.down svg{rotate:180deg}.tools [role]{margin-inline-start:6px}.why{padding:14px 16px;margin-top:8px;border:1px solid var(--line);border-radius:var(--radius)}.why legend{font-weight:600;padding:0;margin-bottom:10px}.why .box{margin-top:12px}.starters{display:flex;flex-wrap:wrap;gap:8px}li>div>.starters{margin-top:12px}.past{flex:1;min-height:0;overflow-y:auto;padding:22px 20px;outline:0}.past>*{max-width:740px;margin-inline:auto!important}.past>:not(ul){margin-bottom:12px!important}.past>p:empty{display:none}.past ul{list-style:none}.past li{display:flex;align-items:center;gap:6px;border-top:1px solid var(--line)}.past li>:first-child{flex:1;min-width:0;padding:10px 6px;margin-inline-start:-6px}.past li>:first-child:hover{background:var(--wash)}.past b{display:block;font-weight:500}.past small{color:var(--soft);font-size:13px}.past p{color:var(--soft)}.hello{width:100%;max-width:740px;margin:auto;padding:12px 0 5vh}.title{font:500 30px/1.2 var(--serif);letter-spacing:-.018em;text-wrap:balance}.title sup{font-size:.48em;vertical-align:.85em;margin-inline-start:2px}.hello .starters{margin-top:26px;display:grid;grid-template-columns:repeat(auto-fill,minmax(min(260px,100%),1fr));gap:10px}.hello .pill{border-radius:var(--radius);padding:12px 16px;font-size:14.5px}.fn .intro{color:var(--soft);font-size:14px;margin-top:20px;max-width:56ch}.told:not(:empty){margin-top:20px!important;color:var(--accent)}.intro:before{content:"";display:block;width:56px;border-top:1px solid var(--soft);opacity:.6;margin-bottom:9px}.intro sup{font-size:.75em;vertical-align:.4em}.ask{padding:6px 20px 8px;max-width:780px;width:100%;margin:0 auto}.box{display:flex;align-items:flex-end;gap:8px;border:1px solid var(--line);border-radius:var(--radius);padding:7px;padding-inline-start:16px;background:var(--paper)}.ask .box{box-shadow:0 1px 2px #0000000d,0 4px 16px #1e140a0d}.box:focus-within{border-color:var(--soft);box-shadow:0 0 0 3px color-mix(in srgb,var(--soft) 16%,transparent)}.box :is(textarea,input){all:unset;flex:1;min-width:0;font:inherit;color:inherit;min-height:24px;max-height:180px;padding:5px 0;white-space:pre-wrap;overflow-wrap:anywhere;overflow-y:auto;cursor:text;field-sizing:content}.box ::placeholder{color:var(--soft);opacity:1}.go{width:36px;height:36px;display:grid;place-items:center;border-radius:10px;background:var(--accent);color:var(--on-accent);flex:none}.go:disabled{background:var(--wash);color:var(--soft);cursor:default}.go[name=stop] svg{fill:currentColor}.correcting{display:flex;align-items:center;justify-content:space-between;gap:10px;font-size:13.5px;color:var(--soft);padding:0 4px 8px!important}.fn .notice{padding:0 20px 12px;text-align:center;font-size:12px;line-height:1.45;color:var(--soft)}.card{all:revert;position:fixed;inset:auto;margin:0;padding:0;width:min(420px,calc(100vw - 24px));border:1px solid var(--line);border-radius:var(--radius);background:var(--paper);color:var(--ink);box-shadow:var(--shade);font:400 14px/1.55 var(--font);text-align:start;overflow:hidden;direction:inherit}.card:focus{outline:0}.head{display:flex;gap:9px;align-items:flex-start;padding:13px 10px 11px 18px;padding-inline:18px 10px}.head div{flex:1;padding-top:3px}.head sup{font-size:12px;line-height:1.4;padding-top:4px}.card b{display:block;font:600 15px/1.35 var(--serif)}.card small{color:var(--soft);font-size:12.5px}.card blockquote{margin:0;padding:12px 18px;max-height:220px;overflow-y:auto;white-space:pre-wrap;font-size:13.5px;color:var(--soft);background:var(--wash);border-block:1px solid var(--line)}.fn .card p{padding:0 18px 18px;color:var(--soft)}.card mark{background:var(--mark);color:var(--ink);border-radius:2px}.foot{display:flex;gap:12px;align-items:baseline;justify-content:space-between;padding:11px 18px 12px}.card a{color:var(--accent);font-weight:600;font-size:13.5px;text-decoration:none;white-space:nowrap}.card a:hover{text-decoration:underline;text-underline-offset:3px}.launch{position:fixed;inset-block-end:24px;inset-inline-end:24px;width:56px;height:56px;border-radius:50%;background:var(--accent);color:var(--on-accent);display:flex;align-items:center;justify-content:center;box-shadow:var(--shade);z-index:2147483000;cursor:pointer;font:500 28px/1 var(--serif);transition:translate .15s}.launch:hover{translate:0 -2px}.launch:before{content:"?"}.launch:after{content:"1";font-size:.5em;font-weight:600;translate:0 -.5em;margin-inline-start:2px}.launch:focus-visible{outline:3px solid var(--accent);outline-offset:3px}.floating{position:fixed;inset:auto;inset-block-end:94px;inset-inline-end:24px;width:min(420px,calc(100vw - 32px));height:min(660px,calc(100dvh - 118px));border:1px solid var(--line);border-radius:18px;overflow:hidden;box-shadow:var(--shade);z-index:2147483001}.floating:not(:modal,:popover-open){display:none}.floating .hello{padding:4px 0}.floating .title{font-size:24px}.sidebar{inset-block:0;inset-inline-end:0;height:100dvh;border-radius:0;border-width:0;border-inline-start-width:1px}.modal{inset:0;margin:auto;width:min(760px,calc(100vw - 32px));height:min(780px,calc(100dvh - 32px))}.fn:modal::backdrop{background:#140f0a73}@media(max-width:520px){.floating{inset:0;margin:0;width:100%;max-width:none;height:100dvh;max-height:none;border-radius:0;border:0;padding-block:env(safe-area-inset-top) env(safe-area-inset-bottom)}.launch{inset-block-end:calc(18px + env(safe-area-inset-bottom));inset-inline-end:18px}.scroll{padding-inline:16px}.ask{padding-inline:12px}.box :is(textarea,input){font-size:16px}.title{font-size:26px}.card{inset:auto 0 0!important;width:100%;max-width:none;border-radius:18px 18px 0 0;border-width:1px 0 0;padding-bottom:env(safe-area-inset-bottom)}.card blockquote{max-height:38dvh}}@media(hover:none){.asked .tool{opacity:1}}@media(prefers-reduced-motion:reduce){*,:before{animation:none!important;transition:none!important}}@media(forced-colors:active){.go,.launch,.pill,.tool[aria-pressed=true]{border:1px solid}.cite{color:LinkText;text-decoration:underline}.doubt{text-decoration-color:LinkText}.card mark{forced-color-adjust:none;background:Mark;color:MarkText}}';var R=1,Q=2,Ve=4,F=8,V=16;var Ye=e=>{switch(e){case 1:return 3;case 2:return 4;case 3:return 5;case 4:return 6;case 5:return 7;default:return 8}},Je=Ye;var xe=24;function be(e){let n=new Uint32Array(xe);return n[0]=1,{renderer:e,text:"",pending:"",tokens:n,len:0,token:1,fence_end:0,blockquote_idx:0,hr_char:"",hr_chars:0,fence_start:0,spaces:new Uint8Array(xe),indent:"",indent_len:0,table_state:0}}function ve(e){e.pending.length>0&&f(e,`
`)}function u(e){e.text.length!==0&&(e.renderer.add_text(e.renderer.data,e.text),e.text="")}function p(e){e.len-=1,e.token=e.tokens[e.len],e.renderer.end_token(e.renderer.data)}function h(e,n){(e.tokens[e.len]===24||e.tokens[e.len]===23)&&n!==25&&p(e),e.len+=1,e.tokens[e.len]=n,e.token=n,e.renderer.add_token(e.renderer.data,n)}function Ze(e,n,t){for(;t<=e.len;){if(e.tokens[t]===n)return t;t+=1}return-1}function w(e,n){for(e.fence_start=0;e.len>n;)p(e)}function O(e,n){let t=0;for(let i=0;i<=e.len&&(n-=e.spaces[i],!(n<0));i+=1)switch(e.tokens[i]){case 9:case 10:case 20:case 25:t=i;break}for(;e.len>t;)p(e);return n}function $(e,n){let t=-1,i=-1;for(let o=e.blockquote_idx+1;o<=e.len;o+=1)if(e.tokens[o]===25){if(e.indent_len<e.spaces[o]){i=-1;break}i=o}else e.tokens[o]===n&&(t=o);return i===-1?t===-1?(w(e,e.blockquote_idx),h(e,n),!0):(w(e,t),!1):(w(e,i),h(e,n),!0)}function j(e,n){h(e,25),e.spaces[e.len]=e.indent_len+n,v(e),e.token=103}function v(e){e.indent="",e.indent_len=0,e.pending=""}function W(e){switch(e){case 48:case 49:case 50:case 51:case 52:case 53:case 54:case 55:case 56:case 57:return!0;default:return!1}}function Xe(e){switch(e){case 32:case 58:case 59:case 41:case 44:case 33:case 46:case 63:case 93:case 10:return!0;default:return!1}}function et(e){return W(e)||Xe(e)}function f(e,n){for(let t of n){if(e.token===101){switch(t){case" ":e.indent_len+=1;continue;case"	":e.indent_len+=4;continue}let o=O(e,e.indent_len);e.indent_len=0,e.token=e.tokens[e.len],o>0&&f(e," ".repeat(o))}let i=e.pending+t;switch(e.token){case 21:case 1:case 20:case 24:case 23:switch(e.pending[0]){case void 0:e.pending=t;continue;case" ":e.pending=t,e.indent+=" ",e.indent_len+=1;continue;case"	":e.pending=t,e.indent+="	",e.indent_len+=4;continue;case`
`:if(e.tokens[e.len]===25&&e.token===21){p(e),v(e),e.pending=t;continue}w(e,e.blockquote_idx),v(e),e.blockquote_idx=0,e.fence_start=0,e.pending=t;continue;case"#":switch(t){case"#":if(e.pending.length<6){e.pending=i;continue}break;case" ":O(e,e.indent_len),h(e,Je(e.pending.length)),v(e);continue}break;case">":{let s=Ze(e,20,e.blockquote_idx+1);s===-1?(w(e,e.blockquote_idx),e.blockquote_idx+=1,e.fence_start=0,h(e,20)):e.blockquote_idx=s,v(e),e.pending=t;continue}case"-":case"*":case"_":if(e.hr_chars===0&&(e.hr_chars=1,e.hr_char=e.pending),e.hr_chars>0){switch(t){case e.hr_char:e.hr_chars+=1,e.pending=i;continue;case" ":e.pending=i;continue;case`
`:if(e.hr_chars<3)break;O(e,e.indent_len),e.renderer.add_token(e.renderer.data,22),e.renderer.end_token(e.renderer.data),v(e),e.hr_chars=0;continue}e.hr_chars=0}if(e.pending[0]!=="_"&&e.pending[1]===" "){$(e,23),j(e,2),f(e,i.slice(2));continue}break;case"`":if(e.pending.length<3){if(t==="`"){e.pending=i,e.fence_start=i.length;continue}e.fence_start=0;break}switch(t){case"`":e.pending.length===e.fence_start?(e.pending=i,e.fence_start=i.length):(h(e,2),v(e),e.fence_start=0,f(e,i));continue;case`
`:{O(e,e.indent_len),h(e,10),e.pending.length>e.fence_start&&e.renderer.set_attr(e.renderer.data,Ve,e.pending.slice(e.fence_start)),v(e),e.token=101;continue}default:e.pending=i;continue}case"+":if(t!==" ")break;$(e,23),j(e,2);continue;case"0":case"1":case"2":case"3":case"4":case"5":case"6":case"7":case"8":case"9":if(e.pending[e.pending.length-1]==="."){if(t!==" ")break;$(e,24)&&e.pending!=="1."&&e.renderer.set_attr(e.renderer.data,V,e.pending.slice(0,-1)),j(e,e.pending.length+1);continue}else{let s=t.charCodeAt(0);if(s===46||W(s)){e.pending=i;continue}}break;case"|":w(e,e.blockquote_idx),h(e,27),h(e,28),e.pending="",f(e,t);continue}let o=i;if(e.token===21)e.token=e.tokens[e.len],e.renderer.add_token(e.renderer.data,21),e.renderer.end_token(e.renderer.data);else if(e.indent_len>=4){let s=0;for(;s<4;s+=1)if(e.indent[s]==="	"){s=s+1;break}o=e.indent.slice(s)+i,h(e,9)}else h(e,2);v(e),f(e,o);continue;case 27:if(e.table_state===1)switch(t){case"-":case" ":case"|":case":":e.pending=i;continue;case`
`:e.table_state=2,e.pending="";continue;default:p(e),e.table_state=0;break}else switch(e.pending){case"|":h(e,28),e.pending="",f(e,t);continue;case`
`:p(e),e.pending="",e.table_state=0,f(e,t);continue}break;case 28:switch(e.pending){case"":break;case"|":h(e,29),p(e),e.pending="",f(e,t);continue;case`
`:p(e),e.table_state=Math.min(e.table_state+1,2),e.pending="",f(e,t);continue;default:h(e,29),f(e,t);continue}break;case 29:if(e.pending==="|"){u(e),p(e),e.pending="",f(e,t);continue}break;case 9:switch(i){case`
    `:case`
   	`:case`
  	`:case`
 	`:case`
	`:e.text+=`
`,e.pending="";continue;case`
`:case`
 `:case`
  `:case`
   `:e.pending=i;continue;default:e.pending.length!==0?(u(e),p(e),e.pending=t):e.text+=t;continue}case 10:switch(t){case"`":e.pending=i;continue;case`
`:if(i.length===e.fence_start+e.fence_end+1){u(e),p(e),e.pending="",e.fence_start=0,e.fence_end=0,e.token=101;continue}e.token=101;break;case" ":if(e.pending[0]===`
`){e.pending=i,e.fence_end+=1;continue}break}e.text+=e.pending,e.pending=t,e.fence_end=1;continue;case 11:switch(t){case"`":i.length===e.fence_start+ +(e.pending[0]===" ")?(u(e),p(e),e.pending="",e.fence_start=0):e.pending=i;continue;case`
`:e.text+=e.pending,e.pending="",e.token=21,e.blockquote_idx=0,u(e);continue;case" ":e.text+=e.pending,e.pending=t;continue;default:e.text+=i,e.pending="";continue}case 103:switch(e.pending.length){case 0:if(t!=="[")break;e.pending=i;continue;case 1:if(t!==" "&&t!=="x")break;e.pending=i;continue;case 2:if(t!=="]")break;e.pending=i;continue;case 3:if(t!==" ")break;e.renderer.add_token(e.renderer.data,26),e.pending[1]==="x"&&e.renderer.set_attr(e.renderer.data,F,""),e.renderer.end_token(e.renderer.data),e.pending=" ";continue}e.token=e.tokens[e.len],e.pending="",f(e,i);continue;case 14:case 15:{let s="*",r=12;if(e.token===15&&(s="_",r=13),s===e.pending){if(u(e),s===t){p(e),e.pending="";continue}h(e,r),e.pending=t;continue}break}case 12:case 13:{let s="*",r=14;switch(e.token===13&&(s="_",r=15),e.pending){case s:s===t?e.tokens[e.len-1]===r?e.pending=i:(u(e),h(e,r),e.pending=""):(u(e),p(e),e.pending=t);continue;case s+s:let a=e.token;u(e),p(e),p(e),s!==t?(h(e,a),e.pending=t):e.pending="";continue}break}case 16:if(i==="~~"){u(e),p(e),e.pending="";continue}break;case 105:t===`
`?(u(e),h(e,30),e.pending=""):(e.token=e.tokens[e.len],e.pending[0]==="\\"?e.text+="[":e.text+="$$",e.pending="",f(e,t));continue;case 30:if(i==="\\]"||i==="$$"){u(e),p(e),e.pending="";continue}break;case 31:if(i==="\\)"||e.pending[0]==="$"){u(e),p(e),t===")"?e.pending="":e.pending=t;continue}break;case 102:i==="http://"||i==="https://"?(u(e),h(e,18),e.pending=i,e.text=i):"http:/"[e.pending.length]===t||"https:/"[e.pending.length]===t?e.pending=i:(e.token=e.tokens[e.len],f(e,t));continue;case 17:case 19:if(e.pending==="]"){u(e),t==="("?e.pending=i:(p(e),e.pending=t);continue}if(e.pending[0]==="]"&&e.pending[1]==="("){if(t===")"){let s=e.token===17?R:Q,r=e.pending.slice(2);e.renderer.set_attr(e.renderer.data,s,r),p(e),e.pending=""}else e.pending+=t;continue}break;case 18:t===" "||t===`
`||t==="\\"?(e.renderer.set_attr(e.renderer.data,R,e.pending),u(e),p(e),e.pending=t):(e.text+=t,e.pending=i);continue;case 104:if(i.startsWith("<br")){if(i.length===3||t===" "||t==="/"&&(i.length===4||e.pending[e.pending.length-1]===" ")){e.pending=i;continue}if(t===">"){u(e),e.token=e.tokens[e.len],e.renderer.add_token(e.renderer.data,21),e.renderer.end_token(e.renderer.data),e.pending="";continue}}e.token=e.tokens[e.len],e.text+="<",e.pending=e.pending.slice(1),f(e,t);continue}switch(e.pending[0]){case"\\":if(e.token===19||e.token===30||e.token===31)break;switch(t){case"(":u(e),h(e,31),e.pending="";continue;case"[":e.token=105,e.pending=i;continue;case`
`:e.pending=t;continue;default:let o=t.charCodeAt(0);e.pending="",e.text+=W(o)||o>=65&&o<=90||o>=97&&o<=122?i:t;continue}case`
`:switch(e.token){case 19:case 30:case 31:break;case 3:case 4:case 5:case 6:case 7:case 8:u(e),w(e,e.blockquote_idx),e.blockquote_idx=0,e.pending=t;continue;default:u(e),e.pending=t,e.token=21,e.blockquote_idx=0;continue}break;case"<":if(e.token!==19&&e.token!==30&&e.token!==31){u(e),e.pending=i,e.token=104;continue}break;case"`":if(e.token===19)break;t==="`"?(e.fence_start+=1,e.pending=i):(e.fence_start+=1,u(e),h(e,11),e.text=t===" "||t===`
`?"":t,e.pending="");continue;case"_":case"*":{if(e.token===19||e.token===30||e.token===31||e.token===14)break;let o=12,s=14,r=e.pending[0];if(r==="_"&&(o=13,s=15),e.pending.length===1){if(r===t){e.pending=i;continue}if(t!==" "&&t!==`
`){u(e),h(e,o),e.pending=t;continue}}else{if(r===t){u(e),h(e,s),h(e,o),e.pending="";continue}if(t!==" "&&t!==`
`){u(e),h(e,s),e.pending=t;continue}}break}case"~":if(e.token!==19&&e.token!==16){if(e.pending==="~"){if(t==="~"){e.pending=i;continue}}else if(t!==" "&&t!==`
`){u(e),h(e,16),e.pending=t;continue}}break;case"$":if(e.token!==19&&e.token!==16&&e.pending==="$")if(t==="$"){e.token=105,e.pending=i;continue}else{if(et(t.charCodeAt(0)))break;u(e),h(e,31),e.pending=t;continue}break;case"[":if(e.token!==19&&e.token!==17&&e.token!==30&&e.token!==31&&t!=="]"){u(e),h(e,17),e.pending=t;continue}break;case"!":if(e.token!==19&&t==="["){u(e),h(e,19),e.pending="";continue}break;case" ":if(e.pending.length===1&&t===" ")continue;break}if(e.token!==19&&e.token!==17&&e.token!==30&&e.token!==31&&t==="h"&&(e.pending===" "||e.pending==="")){e.text+=e.pending,e.pending=t,e.token=102;continue}e.text+=e.pending,e.pending=t}u(e)}var M=57344,H={partly:"",unsupported:""},_e="",ke="",Ae="",ye=/[\ue000-\uf8ff]/g,ot=/(?: ?\[\d{0,3}| |[^\s_]?_+)$/,B=class{#e;#t="";#i="";constructor(n,t){this.#e=be(rt(n,t))}write(n){let t=this.#t+n.replace(ye,""),i=ot.exec(t),o=i?i.index:t.length;this.#t=t.slice(o),this.#s(t.slice(0,o))}end(){this.#o(),ve(this.#e)}whole(n,t){let i=0;for(let{start:o,end:s,kind:r}of t){let a=n.slice(o,s).trimEnd(),c=/^(?:[\s>#|*+-]|\d+\.\s)*/.exec(a)[0];this.write(n.slice(i,o)+c),this.#o(),this.#r(H[r]),this.write(a.slice(c.length)),this.#o(),this.#r(_e),i=o+a.length}this.write(n.slice(i)),this.end()}#o(){let n=this.#t;this.#t="",this.#s(n)}#s(n){let t=this.#i;this.#i=n.slice(-1)||t,this.#r((t+n).replace(/(?<=[\p{L}\p{N}_])_(?=[\p{L}\p{N}_])/gu,Ae).slice(t.length).replace(/\$/g,ke).replace(/ ?\[(\d{1,3})\]/g,(i,o)=>String.fromCharCode(M+Number(o))))}#r(n){n&&f(this.#e,n)}},we=e=>e.replaceAll(ke,"$").replaceAll(Ae,"_").replace(ye,""),st="p h3 h3 h3 h3 h3 h3 pre pre code em em strong strong s a a a blockquote br hr ul ol li span table tr td code code".split(" ");function rt(e,n){let t,i=(o,s)=>{let r=o.closest("a");r?r.after(s):o.append(s)};return{data:[e],add_token(o,s){if(s<2)return;let r=o.at(-1),a=s===29&&!r.previousElementSibling,c=r.appendChild(document.createElement(a?"th":st[s-2]));c.localName==="pre"&&(c=c.appendChild(document.createElement("code"))),s===26&&c.append("☐"),o.push(c)},end_token(o){o.pop()},set_attr(o,s,r){let a=o.at(-1);s===R||s===Q?T(a,we(r).replace(/[.,;:!?]+$/,"")):s===V?a.setAttribute("start",r):s===F&&(a.textContent="☑")},add_text(o,s){let r=o.at(-1);for(let a of s.split(/([\ue000-\ue803])/)){let c=a.charCodeAt(0);if(c>=M&&c<M+1e3)i(r,n.cite(c-M));else if(a===H.partly||a===H.unsupported)t=a===H.partly?"partly":"unsupported";else if(a===_e)t&&i(r,n.dagger(t)),t=void 0;else if(a){let l=r;if(t&&a.trim()){let g=l.lastChild;l=g instanceof HTMLElement&&g.matches(".doubt")?g:l.appendChild(n.doubt(t))}l.append(we(a))}}}}}var G=class{constructor(n,t,i){this.answer=n;this.words=t;this.send=i;this.thumbs=["up","down"].map(r=>x(r,t[r==="up"?"good":"bad"],()=>this.#e(r),{class:`tool ${r}`})),this.#i();let o=d("input",{type:"text",maxlength:"1000",placeholder:t.more,"aria-label":t.more}),s=["wrong","incomplete","misquoted","outdated"].map(r=>{let a=m("pill",()=>a.setAttribute("aria-pressed",String(a.ariaPressed!=="true")),{"aria-pressed":"false",value:r},t[r]);return a});this.form.append(d("fieldset",{},d("legend",{},t.why),d("div",{class:"starters"},...s),d("div",{class:"box"},o,d("button",{class:"pill",type:"submit"},t.send)))),this.form.addEventListener("submit",r=>{r.preventDefault();let a=s.filter(c=>c.ariaPressed==="true").map(c=>c.value);this.form.hidden=!0,this.#t([...a,o.value.trim()].filter(Boolean).join("; "))})}answer;words;send;said=d("span",{role:"status"});form=d("form",{class:"why",hidden:""});thumbs;#e(n){this.answer.rating=n,this.form.hidden=n==="up"||!this.form.hidden,this.#i(),this.#t("")}async#t(n){try{await this.send(this.answer.rating,n),this.said.textContent=this.words.thanks}catch{delete this.answer.rating,this.form.hidden=!0,this.#i()}}#i(){let[n,t]=this.thumbs;n.setAttribute("aria-pressed",String(this.answer.rating==="up")),t.setAttribute("aria-pressed",String(this.answer.rating==="down"))}};var Te={class:"tool last"},U=class{constructor(n,t,i,o){this.exchange=n;this.words=t;this.card=i;this.actions=o;this.element.append(d("div",{class:"asked"},x("edit",t.edit,()=>o.edit(),Te),d("p",{class:"question",part:"question"},d("span",{class:"vh"},`${t.you}: `),d("bdi",{},n.question))),this.#e,this.#t),n.answer.state==="running"?this.status("searching"):this.finish()}exchange;words;card;actions;element=d("li",{part:"turn"});#e=d("div",{class:"body",part:"answer",dir:"auto"});#t=d("div");#i=d("p",{class:"status"});#o=this.#l(this.#e);#s="";#r=!1;status(n){this.exchange.answer.text&&n!=="offline"||(this.#i.textContent=this.words[n==="offline"||n==="writing"?n:"searching"],this.#t.replaceChildren(this.#i))}write(n){!this.#s&&!document.hidden&&requestAnimationFrame(()=>this.#n()),this.#s+=n,document.hidden&&this.#n()}#n(){this.#s&&(this.#i.remove(),this.#o.write(this.#s),this.#s="",this.actions.grew())}finish(){let{answer:n}=this.exchange,{words:t}=this;this.#n();let i=this.#d();this.#o.end(),(i.length||this.#r||!this.#e.firstChild)&&this.#h(i),n.refused&&(this.#e.classList.add("refused"),this.#e.prepend(d("strong",{class:"label"},t.notThere))),this.#e.classList.toggle("unsure",!!n.unsure),this.#t.replaceChildren(),n.state==="failed"&&!n.withheld&&this.#t.append(this.#p());let o=n.withheld?t.withheld:n.state==="stopped"&&t.stopped;o&&this.#t.append(d("p",{class:"stopped"},o)),this.#t.append(this.#f()),n.text&&this.#t.append(this.#m()),n.followups.length&&this.#t.append(d("div",{class:"starters"},...n.followups.map(s=>m("pill",()=>this.actions.ask(s),{dir:"auto"},s))))}#h(n){let t=d("div"),i=[];this.#l(t,i).whole(this.exchange.answer.text,n);let o=[...this.#e.children];this.#r||o.length!==t.children.length?this.#e.replaceChildren(...t.childNodes):[...t.children].forEach((s,r)=>{s.querySelector(".doubt, .dagger")&&o[r].replaceWith(s)}),i.forEach(s=>s())}#l(n,t){let i=0;return new B(n,{cite:o=>{let s=this.exchange.answer.sources.find(c=>c.n===o);if(!s)return this.#r=!0,document.createTextNode(`[${o}]`);let r=i++;if(!t)return this.#c(s,r);let a=d("i");return t.push(()=>this.#e.contains(a)&&a.replaceWith(this.#c(s,r))),a},doubt:o=>d("span",{class:`doubt ${o}`,title:this.words[o]}),dagger:o=>{let s=m("cite dagger",()=>this.card.doubt(s,o),{"aria-haspopup":"dialog","aria-expanded":"false","aria-label":this.words[o]},o==="partly"?"‡":"†");return s}})}#c(n,t){let i=this.#a("cite",n,()=>this.#g(n.n,t),String(n.n));return i.setAttribute("aria-label",`${this.words.source} ${n.n}: ${n.label}`),i}#a(n,t,i,...o){let s=m(n,()=>{this.card.source(s,t,i()),this.actions.cited(t)},{"aria-haspopup":"dialog","aria-expanded":"false"},...o);return s}#g(n,t){let{citations:i}=this.exchange.answer;return i[t]?.n===n?i[t]:i.find(o=>o.n===n)}#d(){let{answer:n}=this.exchange;return n.sentences.filter(t=>t.verdict!=="supported").map(({start:t,end:i,verdict:o})=>({start:t,end:i,kind:o})).sort((t,i)=>t.start-i.start)}#p(){let{answer:n}=this.exchange,t=n.error||this.words[navigator.onLine?"failed":"offline"];return d("div",{class:"failed",role:"alert"},d("p",{},t,n.run&&d("small",{},n.run)),m("pill",()=>this.actions.again(),{},this.words.retry))}#f(){let{answer:n}=this.exchange,{refused:t,citations:i,sources:o}=n,s=new Set(i.map(l=>l.n)),r=t?o.filter((l,g)=>o.findIndex(_=>_.uri===l.uri)===g).slice(0,3):o.filter(l=>s.has(l.n));if(!r.length)return"";let a=r.map(l=>d("li",{},this.#a("",l,()=>i.find(g=>g.n===l.n),!t&&d("sup",{},String(l.n)),d("span",{dir:"auto"},d("b",{},l.label)," ",z(l))))),c=this.words[t?"nearest":"sources"];return d("section",{class:"notes",part:"sources"},d("h3",{class:t?"":"vh"},c),d("ul",{},...a))}#m(){let{words:n,actions:t}=this,i=new G(this.exchange.answer,n,(s,r)=>t.rate(s,r)),o=()=>i.said.textContent=n.copied;return d("div",{},d("div",{class:"tools"},x("copy",n.copy,()=>{at(this.#x(),this.#t).then(o)}),...i.thumbs,x("again",n.regenerate,()=>t.again(),Te),t.explain&&x("explain",n.explain,t.explain),i.said),i.form)}#x(){let{answer:n}=this.exchange,t=new Set(n.citations.map(o=>o.n)),i=n.sources.filter(o=>t.has(o.n)).map(o=>`[${o.n}] ${o.label} (${o.uri})`);return i.length?`${n.text}

${i.join(`
`)}`:n.text}};async function at(e,n){try{await navigator.clipboard.writeText(e)}catch{let t=d("textarea",{class:"vh"});n.append(t),t.value=e,t.select(),document.execCommand("copy"),t.remove()}}var Ne=`Ask the documents
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
Past conversations
No conversations yet.
Older conversations
This answer rests on documents that you may no longer read.
You are signed out. Sign in again.
`;var Le=`Die Dokumente fragen
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
Frühere Gespräche
Noch keine Gespräche.
Ältere Gespräche
Diese Antwort beruht auf Dokumenten, die du nicht mehr lesen darfst.
Du bist abgemeldet. Melde dich wieder an.
`;var Ie=`Interroger les documents
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
Conversations passées
Aucune conversation pour le moment.
Conversations plus anciennes
Cette réponse repose sur des documents que vous ne pouvez plus lire.
Vous êtes déconnecté. Reconnectez-vous.
`;var Ce=`Pregunta a los documentos
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
Conversaciones anteriores
Aún no hay conversaciones.
Conversaciones más antiguas
Esta respuesta se basa en documentos que ya no puedes leer.
Has cerrado la sesión. Vuelve a iniciarla.
`;var Se=`Chiedi ai documenti
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
Conversazioni passate
Ancora nessuna conversazione.
Conversazioni più vecchie
Questa risposta si basa su documenti che non puoi più leggere.
Non hai più accesso. Accedi di nuovo.
`;var De=`Pergunte aos documentos
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
Conversas anteriores
Ainda não há conversas.
Conversas mais antigas
Esta resposta baseia-se em documentos que já não pode ler.
A sessão terminou. Inicie sessão novamente.
`;var Oe=`Vraag het de documenten
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
Eerdere gesprekken
Nog geen gesprekken.
Oudere gesprekken
Dit antwoord berust op documenten die je niet meer mag lezen.
Je bent afgemeld. Meld je opnieuw aan.
`;var Re=`Zapytaj dokumenty
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
Poprzednie rozmowy
Nie ma jeszcze rozmów.
Starsze rozmowy
Ta odpowiedź opiera się na dokumentach, których nie możesz już czytać.
Sesja wygasła. Zaloguj się ponownie.
`;var Me=`文書に質問する
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
過去の会話
まだ会話はありません。
さらに前の会話
この回答の元の文書は、現在あなたには閲覧できません。
サインアウトしました。もう一度サインインしてください。
`;var He=`اسأل المستندات
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
المحادثات السابقة
لا توجد محادثات بعد.
محادثات أقدم
تستند هذه الإجابة إلى مستندات لم يعد مسموحًا لك بقراءتها.
انتهت جلستك. سجّل الدخول من جديد.
`;var bt=["title","ask","send","stop","close","open","reset","erase","you","source","page","openDocument","notThere","nearest","searching","writing","stopped","failed","retry","offline","copy","copied","good","bad","thanks","why","wrong","incomplete","misquoted","outdated","more","partly","unsupported","partlyMeans","unsupportedMeans","support","sources","regenerate","edit","editing","cancel","explain","notice","past","noPast","older","withheld","signedOut"],Be={en:Ne,de:Le,fr:Ie,es:Ce,it:Se,pt:De,nl:Oe,pl:Re,ja:Me,ar:He},vt=/^(ar|fa|he|ur)\b/i,Ge=e=>vt.test(e);function Ue(e){let n=(Be[e.slice(0,2).toLowerCase()]??Be.en).split(`
`);return Object.fromEntries(bt.map((t,i)=>[t,n[i]]))}var P=document.currentScript,Et=6,J=class extends HTMLElement{#e="";#t;#i;#o;#s="en";#r;#n;#h;#l;#c=Y();#a=[];#g=[];#d;#p=!1;#f=new AbortController;connectedCallback(){this.#f=new AbortController;let{signal:n}=this.#f;if(addEventListener("pagehide",()=>this.#b(),{signal:n}),this.shadowRoot)return;let t=this.getAttribute("api")??(P?.src?new URL(".",P.src).href:location.origin);this.#e=t.replace(/\/$/,""),this.#s=this.getAttribute("lang")||document.documentElement.lang||"en",this.#o=Ue(this.#s),this.#C();let{getToken:i}=this;delete this.getToken&&i&&(this.#i=i),this.#L()}get getToken(){return this.#i}set getToken(n){this.#i=n,this.shadowRoot&&this.#L()}disconnectedCallback(){this.#f.abort()}open(){let{root:n,launcher:t,input:i}=this.#n;n instanceof HTMLDialogElement&&!this.#m&&(this.#x==="modal"||matchMedia("(max-width:520px)").matches?n.showModal():n.showPopover(),t.setAttribute("aria-expanded","true"),this.#u("open",{})),i.focus(),this.#n.toEnd(!0)}close(){let{root:n,launcher:t}=this.#n;!(n instanceof HTMLDialogElement)||!this.#m||(n.open?n.close():n.hidePopover(),t.setAttribute("aria-expanded","false"),t.focus(),this.#u("close",{}))}ask(n){let t=n.trim();if(!t||this.#d)return;this.#p&&(this.#E(),this.#a.pop(),this.#g.pop()?.element.remove());let i={question:t,answer:k()};this.#a.push(i),this.#_(i)}reset(){let n=this.#w();return this.#r?.clear(),this.#v(!1),this.#n.input.focus(),n}erase(){let n=this.#c;this.reset().then(()=>q(this.#t,n)).catch(t=>{t.status===409&&this.#n.tell(t.message)})}past(){this.#v(this.#l.element.hidden)}suggest(n){this.#n.suggest(n)}on(n,t){let i=o=>t(o.detail);return this.addEventListener(`footnote-${n}`,i),()=>this.removeEventListener(`footnote-${n}`,i)}get#m(){return this.#n.root.matches(":modal, :popover-open")}get#x(){return this.getAttribute("mode")??"inline"}#C(){let n=this.attachShadow({mode:"open"}),t=new CSSStyleSheet;t.replaceSync(me),n.adoptedStyleSheets=[t];let i=this.#x!=="inline",o=(this.getAttribute("suggestions")??"").split("|").map(a=>a.trim()).filter(Boolean);this.#n=new L(this.#o,{title:this.getAttribute("heading")??this.#o.title,intro:this.getAttribute("intro")??"",notice:this.getAttribute("notice")?.trim()||this.#o.notice,starters:o,floating:i,past:!this.hasAttribute("key"),classes:`${this.#x} ${i?"floating":""} ${this.hasAttribute("headless")?"headless":""}`},{ask:a=>this.ask(a),close:()=>this.close(),erase:()=>this.erase(),past:()=>this.past(),reset:()=>{this.reset()},toggle:()=>this.#m?this.close():this.open(),uncorrect:()=>this.#E()});let s=this.#n,r=this.hasAttribute("lang")?Ge(this.#s):getComputedStyle(this).direction==="rtl";for(let a of[s.root,s.launcher])a.dir=r?"rtl":"ltr";s.root.lang=this.#s,this.#h=new N(this.#o,this.#s,s.root),this.#l=new I(this.#o,this.#s,{list:a=>he(this.#t,a),open:a=>this.#M(a),forget:async a=>{a===this.#c&&(await this.#w(),this.#r?.clear()),await q(this.#t,a)}}),s.scroll.after(this.#l.element),n.append(s.root),i&&(s.root.popover=s.launcher.popover="manual",n.append(s.launcher),s.launcher.showPopover()),this.#S(),s.ready(!1)}#S(){let{root:n,form:t,input:i}=this.#n;t.addEventListener("submit",o=>{o.preventDefault(),this.#d?this.#N():this.#A()}),i.addEventListener("input",()=>this.#n.ready(!!this.#d)),i.addEventListener("keydown",o=>this.#D(o)),n.addEventListener("keydown",o=>{o.key!=="Escape"||this.#h.isOpen||(o.preventDefault(),this.#p?this.#E():this.#l.element.hidden?this.close():this.past())}),n.addEventListener("cancel",o=>{o.preventDefault(),this.close()})}#D(n){n.key==="Enter"&&!n.shiftKey&&!n.isComposing?(n.preventDefault(),this.#d||this.#A()):n.key==="ArrowUp"&&!this.#n.input.value&&(n.preventDefault(),this.#y())}#A(){let{input:n}=this.#n,t=n.value;n.value="",this.ask(t),this.#n.ready(!!this.#d)}#y(){let n=this.#a.at(-1);!n||this.#d||(this.#p=!0,this.#n.correcting.hidden=!1,this.#n.input.value=n.question,this.#n.input.focus(),this.#n.ready(!1))}#E(){this.#p&&(this.#n.input.value=""),this.#p=!1,this.#n.correcting.hidden=!0,this.#n.ready(!!this.#d)}async#_(n,t){let i=this.#n,o=this.#d=new AbortController,s=this.#k(n),{answer:r}=n;i.hello.hidden=!0,this.#v(!1),i.ready(!0),i.toEnd(!0),i.said.textContent=this.#o.searching;let a={text:c=>s.write(c),status:c=>{s.status(c),c==="offline"&&(i.said.textContent=this.#o.offline)},started:()=>this.#b()};try{t?await ae(this.#t,r,a,o.signal):await re(this.#t,this.#O(n),r,a,o.signal)}catch(c){if(r.state==="running"&&(r.state=o.signal.aborted?"stopped":"failed"),t&&!r.text)Object.assign(r,t,{state:r.state});else if(c instanceof E)r.error=c.message,r.run||=c.request;else if(!r.run&&!o.signal.aborted&&!this.#e.startsWith(location.origin)){let l=this.hasAttribute("page-key")?"footnote keys create NAME --kind page --origin ":"FOOTNOTE_CORS_ORIGINS=";r.error=`The service is out of reach, or does not allow this page. There: ${l}${location.origin}`}}this.#d===o&&(this.#d=void 0,s.finish(),this.#T(n),i.said.textContent=r.error||r.text.replace(/\[\d+\]/g,""),i.ready(!1),requestAnimationFrame(()=>i.toEnd()),this.#b(),r.state==="failed"&&this.#u("error",{run:r.run,message:r.error}))}#O(n){let t=this.#a.slice(0,this.#a.indexOf(n)).filter(o=>o.answer.text&&!o.answer.error).slice(-Et).flatMap(o=>[{role:"user",content:o.question},{role:"assistant",content:o.answer.text}]),i=this.getAttribute("where");return{conversation:this.#c,messages:[...t,{role:"user",content:n.question}],...i&&{where:JSON.parse(i)},...n.fresh&&{fresh:!0}}}#k(n){let t=Promise.resolve(),i=new U(n,this.#o,this.#h,{ask:o=>this.ask(o),again:()=>{this.#d||(n.answer=k(),n.fresh=!0,this.#g.pop(),i.element.remove(),this.#_(n))},cited:({n:o,title:s,url:r})=>this.#u("citation-click",{run:n.answer.run,n:o,title:s,url:r}),edit:()=>this.#y(),...this.hasAttribute("explain")&&{explain:()=>this.#u("explain",structuredClone(n))},grew:()=>this.#n.toEnd(),rate:async(o,s)=>{let r=()=>ce(this.#t,n.answer.run,o,s),a=()=>r().catch(()=>new Promise(c=>setTimeout(c,900)).then(r));await(t=t.then(a,a)),this.#u("feedback",{run:n.answer.run,rating:o,reason:s}),this.#b()}});return this.#g.push(i),this.#n.turns.append(i.element),i}#T({answer:n}){n.notice&&this.#s.startsWith("en")&&!this.hasAttribute("notice")&&(this.#n.notice.textContent=n.notice)}async#N(){let n=this.#a.at(-1)?.answer,t=this.#d;!t||!n||(n.run&&await de(this.#t,n.run).catch(()=>{}),setTimeout(()=>t.abort(),500))}#u(n,t){this.dispatchEvent(new CustomEvent(`footnote-${n}`,{bubbles:!0,composed:!0,detail:t}))}#b(){this.#a.length&&this.#r?.save({conversation:this.#c,exchanges:this.#a})}#w(){let n=this.#N();return this.#d=void 0,this.#a=[],this.#g=[],this.#c=Y(),this.#E(),this.#n.turns.replaceChildren(),this.#n.hello.hidden=!1,this.#n.tell(""),n}async#L(){let n=this.getAttribute("token-url"),t=this.#i??(n===null?void 0:oe(n)),i=this.#t={api:this.#e,sign:this.#R(t)},o=`footnote:${this.#e}:${this.getAttribute("name")??""}`,s=this.#I,r="";if(this.#r&&this.#w(),this.#r=void 0,this.#v(!1),t){if(r=S((await i.sign.pass().catch(()=>{}))?.token??""),this.#t!==i)return;r||(s=0)}this.#r=new C(o,s,r),this.#a.length||this.#H(),this.#u("ready",{})}get#I(){return Number(this.getAttribute("keep-days")??7)}#R(n){let t=this.getAttribute("page-key"),i=s=>({pass:async()=>({token:this.getAttribute(s)??""}),refuse:()=>{}});if(n)return new y(ie(n,new E(this.#o.signedOut,"")));if(t===null)return i("key");let o=()=>ge({api:this.#e,sign:i("page-key")});return new y(this.#I>0?se(`footnote:visitor:${this.#e}`,o):o)}#v(n){let{past:t,erase:i,scroll:o,input:s}=this.#n,{element:r}=this.#l;r.hidden===n&&(o.hidden=i.hidden=n,r.hidden=!n,t.setAttribute("aria-expanded",String(n)),n?this.#l.show():(t.offsetParent?t:s).focus(),this.#u("past",{open:n}))}async#M(n){let t=this.#t,i=await pe(t,n);if(this.#t===t){this.#w(),this.#c=n,this.#a=i.map(ee);for(let o of this.#a)this.#k(o);this.#n.hello.hidden=!0,this.#v(!1),this.#n.input.focus(),this.#n.toEnd(!0),this.#b()}}#H(){let n=this.#r.load();this.#c=n?.conversation??Y(),this.#a=n?.exchanges??[];for(let t of this.#a){let{answer:i}=t;i.state==="running"&&i.run&&t===this.#a.at(-1)?(t.answer={...k(),run:i.run},this.#_(t,i)):(i.state==="running"&&(i.state="failed"),this.#k(t),this.#T(t))}n&&(this.#n.hello.hidden=!0),this.#n.toEnd(!0)}},Y=()=>`conv_${Array.from(crypto.getRandomValues(new Uint8Array(12)),e=>e.toString(16).padStart(2,"0")).join("")}`;customElements.get("footnote-chat")||customElements.define("footnote-chat",J);function Pe(){if(!P||document.querySelector("footnote-chat"))return;let e=document.createElement("footnote-chat");e.setAttribute("mode","launcher");for(let[n,t]of Object.entries(P.dataset))e.setAttribute(n.replace(/[A-Z]/g,i=>`-${i.toLowerCase()}`),t??"");document.body.append(e)}document.readyState==="loading"?addEventListener("DOMContentLoaded",Pe):Pe();})();
