import type { Metadata } from "next"
import Link from "next/link"
import { GeistSans } from "geist/font/sans"
import { Hammer } from "lucide-react"
import type { ReactNode } from "react"
import "./globals.css"

export const metadata: Metadata = {
  title: "Commonshed: the street's tool library",
  description: "Neighbours hang tools on a shared wall and lend them to each other.",
  generator: "v0.app",
  icons: { icon: "/icon.svg" },
}

export default function RootLayout({ children }: Readonly<{ children: ReactNode }>) {
  return (
    <html lang="en">
      <body className={`${GeistSans.className} antialiased`}>
        <div className="mx-auto max-w-3xl px-6 py-8">
          <header className="mb-10 flex items-center justify-between">
            <Link href="/" className="flex items-center gap-2 text-xl font-semibold">
              <Hammer aria-hidden className="size-5" /> Commonshed
            </Link>
            <Link href="/shed" prefetch={false} className="rounded border border-stone-400 px-3 py-1">
              My shed
            </Link>
          </header>
          <main>{children}</main>
        </div>
      </body>
    </html>
  )
}
