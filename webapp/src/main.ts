import { mount } from 'svelte'
import App from './App.svelte'
import './app.css'
import { moveToLoopbackAddress } from './lib/session.ts'

const target = document.getElementById('app')
if (target !== null && !moveToLoopbackAddress()) mount(App, { target })
