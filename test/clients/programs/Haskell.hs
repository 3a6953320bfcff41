{-# LANGUAGE OverloadedStrings, ScopedTypeVariables #-}
module Main (main) where

import Control.Exception (SomeException, fromException, handle, try)
import Data.IORef
import Data.Maybe (fromMaybe)
import System.Environment (getArgs)
import System.IO
import System.Timeout (timeout)
import qualified Data.ByteString.Char8 as B
import qualified Data.ByteString.Lazy as L
import qualified Data.Text as T
import qualified Data.Text.Lazy as TL
import qualified Data.Text.Lazy.Encoding as TL
import qualified Network.WebSockets as WS

payloadOf :: String -> Maybe WS.DataMessage
payloadOf name = case name of
  "text" -> text "hello"
  "empty" -> text ""
  "binary" -> Just (WS.Binary (L.pack [0, 255]))
  "long" -> text (TL.replicate 2000 "x")
  "large" -> text (TL.replicate 1048576 "x")
  "emoji" -> text "\x1f642\x1f643\x1f642"
  _ -> Nothing
  where text value = Just (WS.Text (TL.encodeUtf8 value) Nothing)

bytesOf :: WS.DataMessage -> L.ByteString
bytesOf (WS.Text bytes _) = bytes
bytesOf (WS.Binary bytes) = bytes

kindOf :: WS.DataMessage -> String
kindOf (WS.Text _ _) = "text"
kindOf (WS.Binary _) = "binary"

-- | Splits ws://host:port/path.
split :: String -> (String, Int, String)
split url = (host, read port, path)
  where
    (host, ':' : rest) = break (== ':') (drop 5 url)
    (port, path) = span (/= '/') rest

attempt :: String -> String -> String -> IO [String]
attempt url sends subprotocol
  | take 3 url == "wss" = return ["error"]
  | otherwise = do
      events <- newIORef []
      let report event = modifyIORef events (event :)
          (host, port, path) = split url
          headers = [("Sec-WebSocket-Protocol", B.pack subprotocol) | subprotocol /= "-"]
          limit = WS.SizeLimit 2097152
          options = WS.defaultConnectionOptions
            { WS.connectionCompressionOptions = WS.PermessageDeflateCompression WS.defaultPermessageDeflate
            , WS.connectionMessageDataSizeLimit = limit
            , WS.connectionFramePayloadSizeLimit = limit
            }
          onError (error' :: SomeException) = report $ case fromException error' of
            Just (WS.CloseRequest code reason) -> "close:" ++ show code ++ ":" ++ T.unpack (decode reason)
            _ -> case fromException error' of
              Just (WS.MalformedResponse response _) | WS.responseCode response /= 101 -> "refused:" ++ show (WS.responseCode response)
              _ -> "error"
          decode = TL.toStrict . TL.decodeUtf8
      finished <- timeout 5000000 $ handle onError $ WS.runClientWith host port path options headers $ \connection -> do
        report (if subprotocol == "-" then "open" else "open:" ++ subprotocol)
        let payload = payloadOf sends
        mapM_ (WS.sendDataMessage connection) payload
        message <- WS.receiveDataMessage connection
        let isSame = fmap bytesOf payload == Just (bytesOf message) && fmap kindOf payload == Just (kindOf message)
        report (if isSame then kindOf message else "wrong")
        WS.sendCloseCode connection 4001 ("bye" :: T.Text)
        _ <- WS.receiveDataMessage connection
        return ()
      mapM_ (const (report "timeout")) (maybe (Just ()) (const Nothing) finished)
      reverse <$> readIORef events

main :: IO ()
main = do
  version : words' <- getArgs
  hSetBuffering stdout LineBuffering
  putStrLn ("{\"version\":\"" ++ version ++ "\"}")
  run words'
  where
    run (check : url : sends : subprotocol : rest) = do
      events <- attempt url sends subprotocol
      putStrLn ("{\"check\":\"" ++ check ++ "\",\"events\":\"" ++ unwords events ++ "\"}")
      run rest
    run _ = return ()
